# Two commands set everything up:  make demo   make test
# Everything lands in .venv; pip's own output goes to stderr, so that `make demo ARGS="--once --json"` prints decisions and nothing else.

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
ARGS ?=

.PHONY: help demo test check format docs dashboards pictures kafka test-browser test-kafka test-alerts test-train clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: $(VENV)/.demo ## run the whole service on this machine; ARGS="--once --json", ARGS="--input FILE"
	@$(BIN)/moderation demo $(ARGS)

# Most tests wait for servers: three at a time use two cores well.
test: $(VENV)/.dev ## run the test suite; ARGS="-k words"
	@$(BIN)/python -m pytest -n 3 $(ARGS)

check: $(VENV)/.dev ## format, lint, types, import layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## write docs/settings.md, docs/metrics.md, docs/cli.md and docs/wire.schema.json from the code
	$(BIN)/python docs/render.py

dashboards: $(VENV)/.dev ## write deploy/grafana/dashboards from the code beside them
	$(BIN)/python -m deploy.grafana

pictures: $(VENV)/.dev ## draw docs/pictures from test runs (needs Chromium, Java, Maven, redis-server and prometheus)
	$(BIN)/python -m pytest -m browser tests/test_console_looks.py --pictures docs/pictures
	$(BIN)/python -m pytest -m faults tests/test_alerts.py --pictures docs/pictures

test-browser: $(VENV)/.dev ## the console in a real browser (needs Debian's chromium)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m browser $(ARGS)

kafka: ## start one Apache Kafka broker on 127.0.0.1:9092 (needs Java and Maven)
	@deploy/kafka/start

test-kafka: $(VENV)/.dev ## on Apache Kafka and Redis: acceptance, security and faults (needs Java, Maven, redis-server and prometheus)
	@! command -v java >/dev/null || ! command -v mvn >/dev/null || deploy/kafka/start --fetch
	@MODERATION_TEST_KAFKA=apache $(BIN)/python -m pytest -n 2 tests/test_acceptance.py tests/test_broker.py tests/test_dlq.py tests/test_stress.py $(ARGS)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m faults --ignore tests/test_alerts.py $(ARGS)

test-alerts: $(VENV)/.dev ## every alert seen firing and clearing on a real Prometheus: wants a machine that does nothing else
	@$(BIN)/python -m pytest -m faults tests/test_alerts.py $(ARGS)

test-train: $(VENV)-train/.ready ## the tests that need PyTorch: training, export, the Detoxify checkpoint
	@$(VENV)-train/bin/python -m pytest -m train $(ARGS)

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "moderation needs Python 3.11, 3.12 or 3.13; name one with: make PYTHON=..." >&2; exit 2; }
	@echo "creating $(VENV) with $(PYTHON)" >&2
	@$(PYTHON) -m venv $(VENV) >&2

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing (about a minute the first time)" >&2
	@$(PIP) --editable ".[demo]" >&2
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing the development extras (about a minute the first time)" >&2
	@$(PIP) --editable ".[dev]" >&2
	@touch $@ $(VENV)/.demo

$(VENV)-train/.ready: pyproject.toml constraints.txt
	@echo "installing PyTorch (some gigabytes the first time)" >&2
	@test -x $(VENV)-train/bin/python || $(PYTHON) -m venv $(VENV)-train >&2
	@$(VENV)-train/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev,train,detoxify]" >&2
	@touch $@

clean: ## remove what the targets made
	rm -rf $(VENV) $(VENV)-train .pytest_cache .mypy_cache .ruff_cache .hypothesis
