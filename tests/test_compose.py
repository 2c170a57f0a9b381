"""deploy/compose.yaml: by the Compose specification, hardened, and at work."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from moderation.bootstrap import make_cluster
from moderation.broker.message import Message
from moderation.broker.publisher import KafkaPublisher
from moderation.config import Settings, load_settings
from moderation.embedded import free_port
from tests.composed import DEPLOY, DOCKERFILE, Composed, Place, composition, image_environment, image_start
from tests.prometheus import Asked
from tests.servers import need
from tests.service import until

NEEDED = {"REDIS_PASSWORD": "letters4and7digits", "GRAFANA_PASSWORD": "more8letters"}
FILE = composition(NEEDED)
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = ("worker", "web")
every_service = pytest.mark.parametrize("name", SERVICES)


def test_it_keeps_to_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    found = subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("missing", NEEDED)
def test_it_does_not_start_without_a_password(missing: str) -> None:
    with pytest.raises(KeyError, match=missing):
        composition({name: value for name, value in NEEDED.items() if name != missing})


def test_the_example_names_every_variable_and_no_other() -> None:
    named = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
    example = (DEPLOY / "compose.env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"\b([A-Z][A-Z_]+)=", example)) == named
    assert [line for line in example.splitlines() if re.match(r"\w*PASSWORD=.", line)] == []


@every_service
def test_a_service_is_hardened_watched_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert service["deploy"]["resources"]["limits"]["memory"]
    assert "container_name" not in service
    assert "privileged" not in service
    assert service["tmpfs"] if name != "redis" else "tmpfs" not in service
    assert name in OURS or not service["user"].startswith(("0", "root"))


@every_service
def test_a_service_has_a_fixed_image(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].rpartition(":")
    assert image
    assert (re.fullmatch(r"v?\d+\.\d+\.\d+(-\w+)?", tag) is not None) == (name not in OURS), tag


@every_service
def test_only_this_machine_reaches_what_is_published(name: str) -> None:
    published = SERVICES[name].get("ports", [])
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in published)
    assert bool(published) == ("outside" in SERVICES[name]["networks"])
    assert bool(published) == (name in {"web", "prometheus", "grafana"})


@every_service
def test_a_service_waits_for_healthy_ones_that_exist(name: str) -> None:
    waits = SERVICES[name].get("depends_on", {})
    assert set(waits) < set(SERVICES)
    assert all(condition == {"condition": "service_healthy"} for condition in waits.values())
    assert bool(waits) == (name not in {"kafka", "redis"})


@every_service
def test_volumes_are_declared_and_what_is_shipped_is_read_only(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source, _, *mode = mount.split(":")
        if source.startswith("."):
            assert (DEPLOY / source).is_dir()
            assert mode == ["ro"]
        else:
            assert source in FILE["volumes"]


@pytest.mark.parametrize("name", OURS)
def test_our_settings_are_settings(name: str) -> None:
    settings = load_settings({**image_environment_of_ours(), **{key: str(value) for key, value in SERVICES[name]["environment"].items()}})
    assert settings.kafka_servers == ["kafka:9092"]
    assert settings.redis_url.get_secret_value() == f"redis://:{NEEDED['REDIS_PASSWORD']}@redis:6379/0"
    assert settings.secrets.count(NEEDED["REDIS_PASSWORD"]) == 1


def image_environment_of_ours() -> dict[str, str]:
    return {key: value for key, value in image_environment().items() if key.startswith("MODERATION_")}


def test_kafka_keeps_comments_for_less_time_than_the_queue_remembers() -> None:
    hours = float(SERVICES["kafka"]["environment"]["KAFKA_LOG_RETENTION_HOURS"])
    assert 0 < hours < 24 * Settings.model_fields["retention_days"].default


def test_kafka_is_the_version_that_is_tested() -> None:
    (version,) = re.findall(r"<artifactId>kafka_2.13</artifactId>\s*<version>([\d.]+)</version>", (DEPLOY / "kafka" / "pom.xml").read_text(encoding="utf-8"))
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{version}"


def test_the_image_fits() -> None:
    """Ports, the health check, both commands; a stop is as long as the worker needs."""
    dockerfile = DOCKERFILE.read_text(encoding="utf-8")
    assert re.findall(r"^EXPOSE (.+)$", dockerfile, re.MULTILINE) == ["9108 8080"]
    assert image_start() == ["moderation"]
    assert [SERVICES[name]["command"] for name in OURS] == [["worker"], ["web"]]
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE)[-1] == "10001:10001"
    assert all(SERVICES[name]["stop_grace_period"] == "30s" for name in OURS)


def test_the_dockerfile_is_clean() -> None:
    found = subprocess.run([Path(sys.executable).with_name("hadolint"), DOCKERFILE], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_an_address_is_put_here_and_nothing_else(tmp_path: Path) -> None:
    place = Place({9092: 1, 6379: 2, 9108: 3}, {"/data": tmp_path})
    assert place.here("kafka://kafka:9092") == "kafka://127.0.0.1:1"
    assert place.here("PLAINTEXT://0.0.0.0:9092") == "PLAINTEXT://127.0.0.1:1"
    assert place.here("exec 3<>/dev/tcp/127.0.0.1/9092") == "exec 3<>/dev/tcp/127.0.0.1/1"
    assert place.here("redis://:secret@redis:6379/0") == "redis://:secret@127.0.0.1:2/0"
    assert [place.here(given) for given in ("9108", "0.0.0.0", "/data", "/data/x", "/database", "noeviction")] == [
        "3",
        "127.0.0.1",
        str(tmp_path),
        f"{tmp_path}/x",
        "/database",
        "noeviction",
    ]


@pytest.fixture
def composed(tmp_path: Path) -> Iterator[Composed]:
    need("java", "redis-server", "redis-cli", "prometheus", "wget", "bash")
    with Composed(tmp_path, NEEDED) as found:
        yield found


@pytest.mark.faults
@pytest.mark.timeout(420)
async def test_a_comment_goes_through_what_the_file_starts(composed: Composed, root: Path) -> None:
    """Every service but Grafana, in the order of `depends_on`, each healthy by its own check; then a comment on Kafka is seen over HTTP and in Prometheus."""
    second = free_port()
    await composed.start("kafka")
    await composed.start("redis")
    await composed.start("worker")
    await composed.start("worker", metrics=second)
    await composed.start("web")
    workers = [f"127.0.0.1:{composed.port(9108)}", f"127.0.0.1:{second}"]
    await composed.start("prometheus", targets={"worker": workers, "web": [f"127.0.0.1:{composed.port(8080)}"]})

    urgent = json.loads((root / "seeds" / "thread.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    settings = load_settings(composed.settings())
    publisher = KafkaPublisher(make_cluster(settings))
    await publisher.publish([Message(topic=settings.comments_topic, key=urgent["comment_id"].encode(), value=json.dumps(urgent).encode())])
    await publisher.close()

    token = (await composed.command("web", "token", "add", "test", "--scope", "queue:read")).split()[-1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{composed.port(8080)}", headers={"Authorization": f"Bearer {token}"}) as client:

        async def filed() -> list[dict[str, Any]] | None:
            answer = await client.get("/api/v1/queue")
            assert answer.status_code == 200, answer.text
            return answer.json().get("items") or None

        (item,) = await until(filed, "the comment to be filed")
    assert urgent["text"] in json.dumps(item, ensure_ascii=False)

    prometheus = Asked(composed.port(9090))

    async def scraped() -> bool | None:
        found = await prometheus.query("sum by (job) (up) and on() sum(moderation_comments_decided_total) == 1 and on() sum(moderation_web_requests_total)")
        return found == {'{"job": "moderation-web"}': 1.0, '{"job": "moderation-worker"}': 2.0} or None

    await until(scraped, "Prometheus to see both workers, the web app and the comment")
