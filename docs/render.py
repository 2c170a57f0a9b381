"""Writes the reference pages from the code: `make docs`. tests/test_docs.py fails when a page is behind."""

import importlib
import json
from pathlib import Path
from typing import Any

import msgspec
import typer
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from typer.main import get_command

from moderation.batch import MODEL_REFUSED
from moderation.cli import app
from moderation.config import PREFIX, Settings
from moderation.decode import REASONS
from moderation.events import CATEGORIES, Action, Comment, Decision, Verdict, VerdictKind
from moderation.metrics import Metrics
from moderation.metrics.sites import LIMIT
from moderation.policy.severity import Severity
from moderation.review.journal import STEPS
from moderation.review.records import Outcome
from moderation.scoring.card import ModelCard
from moderation.scoring.onnx import BUILTIN
from moderation.seeds import seed
from moderation.training.data import TEST
from moderation.training.page import page
from moderation.training.report import Report
from moderation.words import FILE as WORDS
from moderation.words import vocabulary

HERE = Path(__file__).parent
GENERATED = "<!-- Written by docs/render.py from the code; change it there. -->\n"


def settings() -> str:
    """One row a setting."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        rows.append(f"| `{PREFIX}{name.upper()}` | {f'`{default}`' if default is not None else 'unset'} | {field.description} |")
    intro = (
        "# Settings\n\nThe service reads environment variables and nothing else. A wrong value, or a `MODERATION_` variable that is not listed "
        "here, stops the start with exit code 2 and names the variable.\n\n"
    )
    return GENERATED + intro + "\n".join(rows) + "\n"


def metrics() -> str:
    """One section a module of moderation/metrics, one row a metric."""
    intro = (
        "# Metrics\n\nThe worker serves them on `/metrics` of its own port (`MODERATION_METRICS_PORT`, loopback unless "
        "`MODERATION_METRICS_HOST` says otherwise), beside `/livez` (the event loop turns) and `/readyz` (model, Redis and Kafka are there; "
        "503 names what is missing). Labels never hold ids or text. Prometheus's own `process_*` metrics are there, too. What to watch and when to be "
        "woken is ready-made: [monitoring.md](monitoring.md).\n"
    )
    return GENERATED + intro + "".join(_subject(subject) for subject in Metrics.__bases__) + _label_values()


def _subject(subject: Any) -> str:
    registry = CollectorRegistry()
    subject(registry)
    title, _, more = (importlib.import_module(subject.__module__).__doc__ or "").strip().partition(". ")
    rows = ["| metric | type | labels | what it counts |", "|---|---|---|---|"]
    for collector in registry._collector_to_names:
        (family,) = collector.describe() if hasattr(collector, "describe") else collector.collect()
        name = f"{family.name}_total" if family.type == "counter" else f"{family.name}_info" if family.type == "info" else family.name
        labels = ", ".join(getattr(collector, "_labelnames", ()))
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return f"\n## {title.removesuffix('.')}\n\n" + (f"{more}\n\n" if more else "") + "\n".join(rows) + "\n"


def _label_values() -> str:
    rows = {
        "action": list(Action),
        "category": [*CATEGORIES, "or the rule that decided: empty", "deleted", "unscored", "none"],
        "dependency": ["model", "redis", "kafka"],
        "item_severity": list(Severity),
        "kind": ["used", "limit"],
        "outcome": list(Outcome),
        "reason": [*REASONS, MODEL_REFUSED],
        "site": [f"as in the comment, for the sites the policy names and the first ones seen, {LIMIT} in all", "other", "none"],
        "source": ["seeds", "input", "decisions"],
        "stage": ["decode", "normalise", "score", "decide", "file", "publish"],
        "state": ["ready", "leased", "held"],
        "step of moderation_queue_steps": list(STEPS),
        "step of moderation_retries": ["score", "file", "publish", "relay"],
        "undone": ["true", "false"],
        "verdict": list(VerdictKind),
    }
    return "\n## Values of labels\n\n| label | values |\n|---|---|\n" + "".join(f"| {name} | {', '.join(values)} |\n" for name, values in rows.items())


def cli() -> str:
    """Every command with its options."""
    parts = [
        GENERATED,
        "# Commands\n\nEach has `--help`. Exit codes: 0 success, 1 failure, 2 usage or configuration. `MODERATION_*` variables set the rest "
        "([settings](settings.md)).\n",
    ]
    _describe(get_command(app), "moderation", parts)
    return "\n".join(parts)


def _describe(command: Any, path: str, parts: list[str]) -> None:
    for name, child in sorted(getattr(command, "commands", {}).items()):
        _describe(child, f"{path} {name}", parts)
    if hasattr(command, "commands"):
        return
    parts.append(f"\n## `{path}`\n\n{(command.help or '').strip()}\n")
    context = typer.Context(command)
    rows = [p.get_help_record(context) or (p.make_metavar(context), getattr(p, "help", "") or "") for p in command.params if p.name != "help"]
    parts += [f"- `{name}`: {text}" for name, text in rows]


def wire() -> str:
    """JSON schemas of the three messages."""
    schemas, definitions = msgspec.json.schema_components([Comment, Decision, Verdict], ref_template="#/$defs/{name}")
    page = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messages on the wire: comments (in), moderation.decisions and moderation.verdicts (out)",
        "anyOf": list(schemas),
        "$defs": definitions,
    }
    return json.dumps(page, indent=1, ensure_ascii=False) + "\n"


def model_card() -> str:
    """The figures beside the model that ships."""
    report = msgspec.json.decode((BUILTIN / "evaluation.json").read_bytes(), type=Report)
    card = msgspec.json.decode((BUILTIN / "model.json").read_bytes(), type=ModelCard)
    return GENERATED + page(report, card, [path.stat().st_size for path in BUILTIN.iterdir()])


def words() -> str:
    """The words that normalise.py knows, from our own examples; the unseen test sets are left out."""
    paths = sorted(path for path in seed("").glob("*/*.jsonl") if path.stem not in TEST)
    return "\n".join(vocabulary(row["text"] for path in paths for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()))) + "\n"


PAGES = {"settings.md": settings, "metrics.md": metrics, "cli.md": cli, "wire.schema.json": wire, "model-card.md": model_card}

if __name__ == "__main__":
    for name, render in PAGES.items():
        (HERE / name).write_text(render(), encoding="utf-8")
    WORDS.write_text(words(), encoding="ascii")
