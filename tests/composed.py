"""deploy/compose.yaml without a container engine: its services as processes on this machine, with their own command lines, environments and health checks.

What an image would do is done here: a mount is a folder of the test's, a service's name and a port are a port on loopback, and Kafka's
image writes its settings with the program that Kafka's own jar carries.
"""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from moderation.embedded import EmbeddedServer, free_port
from tests.servers import FETCH_WITHIN, START, need_kafka
from tests.service import until

DEPLOY = Path(__file__).parent.parent / "deploy"
DOCKERFILE = DEPLOY.parent / "Dockerfile"
Environment = dict[str, str]
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:[-?])([^}]*))?\}")
_ADDRESS = re.compile(r"(?:\b(?:kafka|redis|worker|web|prometheus|grafana|127\.0\.0\.1|0\.0\.0\.0)|(?<=//))([:/])(\d+)\b")


def composition(variables: Mapping[str, str]) -> dict[str, Any]:
    """The file with its variables filled in, as Compose does. Raises KeyError with the message of one that is needed and missing."""

    def value(found: re.Match[str]) -> str:
        name, operator, rest = found.groups()
        if variables.get(name):
            return variables[name]
        if operator != ":-":
            raise KeyError(f"{name}: {rest}")
        return str(rest)

    text = "\n".join(line for line in (DEPLOY / "compose.yaml").read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#"))
    return dict(yaml.safe_load(_VARIABLE.sub(value, text)))


def image_start() -> list[str]:
    """What our image runs before the service's command: the Dockerfile's ENTRYPOINT."""
    (found,) = re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    return list(json.loads(found))


def image_environment() -> Environment:
    """What our image sets for every process: the Dockerfile's last ENV."""
    last = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ").rpartition("\nENV ")[2].partition("\n")[0]
    return dict(pair.split("=", 1) for pair in shlex.split(last))


@dataclass(frozen=True)
class Place:
    """Where one container's ports and mounts are on this machine."""

    ports: Mapping[int, int]
    folders: Mapping[str, Path]

    def here(self, text: str) -> str:
        """The one substitution: names with ports, ports and addresses alone, mounted folders."""
        if text in {"0.0.0.0", *map(str, self.ports)}:
            return str(self.ports.get(int(text), text)) if text.isdigit() else "127.0.0.1"
        text = _ADDRESS.sub(lambda found: f"127.0.0.1{found[1]}{self.ports[int(found[2])]}", text)
        for target, folder in self.folders.items():
            text = re.sub(rf"(?<![\w/.]){re.escape(target)}(?![\w-])", str(folder), text)
        return text


class Composed:
    """The services that were started, and what is asked of them."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.file = composition(variables)
        self._folder = folder
        self._ports = {number: free_port() for number in (9092, 9093, 6379, 9108, 8080, 9090)}
        self._running: list[EmbeddedServer] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for server in reversed(self._running):
            server.stop()

    def port(self, number: int) -> int:
        """Where a port of the file is on this machine."""
        return self._ports[number]

    async def start(self, name: str, *, metrics: int | None = None, targets: Mapping[str, Sequence[str]] | None = None) -> None:
        """Start a service and return when its own health check succeeds.

        `metrics` is another port for a second worker; `targets` is, for Prometheus, what its name server would answer.
        """
        service = self.file["services"][name]
        place = Place({**self._ports, **({9108: metrics} if metrics else {})}, self._mounts(name, service))
        if targets is not None:
            self._resolve(place.folders["/etc/prometheus"], targets)
        given = {key: place.here(str(value)) for key, value in service.get("environment", {}).items()}
        command = [place.here(part) for part in service.get("command", [])]
        outside = {key: os.environ[key] for key in ("PATH", "HOME", "PYTHONPATH") if key in os.environ}
        if name in {"worker", "web"}:
            given = {**{key: value for key, value in image_environment().items() if key.startswith("MODERATION_")}, **given}
            command = [*self._program(image_start()), *command]
        if name == "prometheus":
            command = ["prometheus", *command]  # its image's own ENTRYPOINT
        if name == "kafka":
            command = self._kafka(given, place.folders["/var/lib/kafka/data"].parent)
        environment = [f"{key}={value}" for key, value in {**outside, **given}.items()]
        number = len(self._running)
        listens = {"kafka": 9092, "redis": 6379, "worker": 9108, "web": 8080, "prometheus": 9090}[name]
        within = FETCH_WITHIN if name == "kafka" else 60.0
        server = EmbeddedServer(name, ["env", "-i", *environment, *command], place.ports[listens], self._folder / f"{name}-{number}.out", within=within)
        self._running.append(server)
        await asyncio.to_thread(server.__enter__)
        await until(lambda: self._healthy(service, place, {**outside, **given}), f"{name} to be healthy")

    async def command(self, name: str, *words: str) -> str:
        """`docker compose exec NAME moderation WORDS`: what it printed."""
        place = Place(self._ports, {})
        given = {key: place.here(str(value)) for key, value in self.file["services"][name]["environment"].items()}
        outside = {key: os.environ[key] for key in ("PATH", "HOME", "PYTHONPATH") if key in os.environ}
        found = await asyncio.to_thread(
            subprocess.run, self._program([*image_start(), *words]), env={**outside, **given}, capture_output=True, text=True, timeout=60, check=False
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    def settings(self) -> Environment:
        """The workers' variables, for a client on this machine."""
        place = Place(self._ports, {})
        return {key: place.here(str(value)) for key, value in self.file["services"]["worker"]["environment"].items()}

    async def _healthy(self, service: Mapping[str, Any], place: Place, environment: Environment) -> bool | None:
        kind, *words = map(place.here, service["healthcheck"]["test"])
        command = self._program(words) if kind == "CMD" else ["sh", "-c", *words]
        found = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, timeout=20, check=False)
        return found.returncode == 0 or None

    def _mounts(self, name: str, service: Mapping[str, Any]) -> dict[str, Path]:
        """Volumes in folders of the test's; what lies beside the file as a copy."""
        found = {}
        for mount in service.get("volumes", []):
            source, target = mount.split(":")[:2]
            folder = self._folder / name / target.strip("/").replace("/", "-")
            folder.mkdir(parents=True, exist_ok=True)
            if source.startswith("."):
                subprocess.run(["cp", "-r", f"{DEPLOY / source}/.", str(folder)], check=True)
            found[target] = folder
        return found

    def _resolve(self, folder: Path, targets: Mapping[str, Sequence[str]]) -> None:
        config = yaml.safe_load((folder / "prometheus.yml").read_text(encoding="utf-8"))
        for scrape in config["scrape_configs"]:
            ((found,),) = [(place["names"],) for place in scrape.pop("dns_sd_configs")]
            scrape["static_configs"] = [{"targets": list(targets[found[0]])}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    def _kafka(self, environment: Environment, folder: Path) -> list[str]:
        """As the image starts: settings from the environment into a file, the log formatted, the broker."""
        need_kafka()
        subprocess.run([str(START), "--fetch"], check=True)
        jars, config = f"{START.parent}/libs/*", folder / "config"
        for part in ("default", "mounted", "config"):
            (folder / part).mkdir(exist_ok=True)
        for empty in ("server.properties", "log4j2.yaml", "tools-log4j2.yaml"):
            (config / empty).touch()
        setup = ["java", "-Xmx128m", "-cp", jars, "kafka.docker.KafkaDockerWrapper", "setup"]
        folders = [f"--default-configs-dir={folder / 'default'}", f"--mounted-configs-dir={folder / 'mounted'}", f"--final-configs-dir={config}"]
        done = subprocess.run([*setup, *folders], env={"PATH": os.environ["PATH"], **environment}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return ["java", *environment["KAFKA_HEAP_OPTS"].split(), "-XX:+UseSerialGC", "-cp", jars, "kafka.Kafka", f"{config}/server.properties"]

    @staticmethod
    def _program(words: Sequence[str]) -> list[str]:
        """Our image's programs are this interpreter's."""
        own = {"moderation": [sys.executable, "-m", "moderation"], "python": [sys.executable]}
        return [*own.get(words[0], [words[0]]), *words[1:]]
