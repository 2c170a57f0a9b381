"""Debian's Prometheus with the rules that ship, in a hurry: every `for`, every window and every interval a sixtieth of its length, and nothing else changed."""

import asyncio
import json
import re
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from moderation.embedded import EmbeddedServer, free_port
from tests.servers import need
from tests.service import until

SHIPPED = Path(__file__).parent.parent / "deploy" / "prometheus"
FACTOR = 60  # a minute of the shipped rules is a second here
_WINDOW = re.compile(r"(?<=\[)(\d+)([smhd])(?=\])")
_MILLISECONDS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def hurried(rules: dict[str, Any]) -> dict[str, Any]:
    """A rules file with `for` and windows divided by FACTOR."""
    groups = [{**group, "rules": [_hurried_rule(rule) for rule in group["rules"]]} for group in rules["groups"]]
    return {"groups": groups}


def _hurried_rule(rule: dict[str, Any]) -> dict[str, Any]:
    waits = {"for": _shorter(*re.fullmatch(r"(\d+)([smhd])", rule["for"]).groups())} if "for" in rule else {}  # type: ignore[union-attr]  # else it fails
    return {**rule, **waits, "expr": _WINDOW.sub(lambda m: _shorter(m[1], m[2]), rule["expr"])}


def _shorter(number: str, unit: str) -> str:
    return f"{int(number) * _MILLISECONDS[unit] // FACTOR}ms"


class Asked:
    """A Prometheus on loopback, and what it answers."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, **parameters: object) -> Any:
        """What its API answers under /api/v1; an error of its own fails the test."""

        def ask() -> Any:
            with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as answer:
                return json.load(answer)["data"]

        return await asyncio.to_thread(ask)

    async def query(self, expression: str) -> dict[str, float]:
        """Values by their labels, written as JSON."""
        found = await self.get("query", query=expression)
        return {json.dumps(row["metric"], sort_keys=True): float(row["value"][1]) for row in found["result"]}


class Prometheus(Asked):
    """Scrapes the workers and the web apps it is told of."""

    def __init__(self, folder: Path) -> None:
        need("prometheus")
        self._folder = folder / "prometheus"
        (self._folder / "rules").mkdir(parents=True)
        for path in (SHIPPED / "rules").glob("*.yml"):
            (self._folder / "rules" / path.name).write_text(yaml.safe_dump(hurried(yaml.safe_load(path.read_text(encoding="utf-8")))), encoding="utf-8")
        config = yaml.safe_load((SHIPPED / "prometheus.yml").read_text(encoding="utf-8"))
        config["global"] = {name: _shorter(value[:-1], value[-1]) for name, value in config["global"].items()}
        for scrape in config["scrape_configs"]:
            del scrape["dns_sd_configs"]
            scrape["file_sd_configs"] = [{"files": [f"{scrape['job_name']}.json"]}]
            self.watch([], scrape["job_name"])
        (self._folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
        super().__init__(free_port())
        command = ["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"]
        self._server = EmbeddedServer("prometheus", command, self.port, self._folder / "prometheus.out")

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.stop()

    def watch(self, targets: Iterable[str], job: str = "moderation-worker") -> None:
        """Scrape these (host:port) for a job and no others."""
        fresh = self._folder / f"{job}.new"
        fresh.write_text(json.dumps([{"targets": list(targets)}]), encoding="utf-8")
        fresh.replace(self._folder / f"{job}.json")

    async def firing(self) -> set[str]:
        """The alerts that fire now."""
        return {alert["labels"]["alertname"] for alert in (await self.get("alerts"))["alerts"] if alert["state"] == "firing"}

    async def fire(self, *names: str) -> None:
        """Return when each of these has fired since the call, though not all at once."""
        missing = set(names)

        async def they_did() -> bool | None:
            missing.difference_update(await self.firing())
            return not missing or None

        try:
            await until(they_did, "alerts to fire")
        except TimeoutError:
            raise AssertionError(f"{missing} did not fire") from None

    async def clear(self, *names: str) -> None:
        """Return when none of these fires; without names, when nothing does."""
        left: set[str] = set()

        async def they_do() -> bool | None:
            left.clear()
            left.update(name for name in await self.firing() if name in names or not names)
            return not left or None

        try:
            await until(they_do, "alerts to clear")
        except TimeoutError:
            raise AssertionError(f"{left} did not clear") from None
