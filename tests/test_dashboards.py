"""The dashboards that ship: as the program makes them, about metrics that exist, and with something in every panel of a real service."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.grafana.__main__ import BOARDS, FOLDER
from deploy.grafana.draw import draw, panel_series, shown
from deploy.grafana.panels import rendered
from moderation.events import VerdictKind
from tests.observed import Observed
from tests.prometheus import Prometheus
from tests.servers import ApacheKafka, Program
from tests.test_prometheus import series

PROVISIONING = FOLDER.parent / "provisioning"
PANELS = [
    (f"{path.stem}: {panel['title']}", panel)
    for path in sorted(FOLDER.glob("*.json"))
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
    if panel["type"] != "row"
]
every_panel = pytest.mark.parametrize("panel", [panel for _, panel in PANELS], ids=[name for name, _ in PANELS])


@pytest.mark.parametrize("name", BOARDS)
def test_the_json_is_what_the_program_makes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == rendered(BOARDS[name]), "run `make dashboards`"


def test_no_dashboard_is_left_from_another_time() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(BOARDS)


@every_panel
def test_a_panel_says_what_it_shows_in_which_unit(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    assert all(target["legendFormat"] for target in panel["targets"])


@every_panel
def test_a_panel_asks_for_metrics_that_exist(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        named = set(re.findall(r"\bmoderation[_:][a-z0-9_:]+", target["expr"]))
        assert named | set(re.findall(r"\b(?:up|process_\w+)\b", target["expr"])), target
        assert named <= series(), target


def test_panels_have_ids_of_their_own_and_the_data_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "moderation.yml").read_text(encoding="utf-8"))["providers"]
    assert provider["type"] == "file"
    for path in FOLDER.glob("*.json"):
        panels = json.loads(path.read_text(encoding="utf-8"))["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        for panel in panels:
            for target in panel.get("targets", []):
                assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": source["uid"]}


def test_a_value_is_shown_with_its_unit() -> None:
    found = [shown(*given) for given in ((0.125, "percentunit"), (3e7, "bytes"), (0.0, "bool_on_off"), (0.25, "s"), (600.0, "s"), (2.5, "cps"), (7.0, "short"))]
    assert found == ["12.5%", "30 MB", "off", "0.25 s", "10 min", "2.5/s", "7"]


@pytest.fixture
async def observed(apache_kafka: ApacheKafka, redis_server: Program, tmp_path: Path) -> AsyncIterator[Observed]:
    with Prometheus(tmp_path) as prometheus:
        found = Observed(apache_kafka, redis_server, prometheus, tmp_path)
        await found.service.topics()
        yield found
        found.service.stop()


@pytest.mark.faults
@pytest.mark.timeout(240)
async def test_every_panel_shows_something_of_a_service_at_work(observed: Observed, redis_server: Program, tmp_path: Path) -> None:
    """A quarter of a minute of work, and a bit of everything that can go wrong."""
    first = await observed.start()
    await observed.send(600)
    await observed.metric("sum(moderation_comments_decided_total)", 600)
    await observed.keep_reference()
    assert await first.terminate() == 0
    await observed.start()
    async with observed.load():
        await observed.send(600)
        await observed.visit()
        await observed.service.send([b"not a comment"])
        await observed.file_old("old", 900, category="threat")
        await observed.let_lapse()
        for verdict in (VerdictKind.APPROVE, VerdictKind.REJECT, VerdictKind.ESCALATE):
            await observed.decide(10, verdict)
        redis_server.kill()
        await observed.metric('sum(moderation_retries_total{step="file"})', 2)
        await redis_server.start()
        await observed.metric("sum(moderation_verdicts_total)", 30)
        await observed.metric("max(moderation:verdicts:increase1d)", 10)
        await observed.metric('max(moderation_queue_steps_total{step="lapsed"})', 1)
        await observed.metric("count(moderation:score_psi:avg)", 8)
        await observed.metric("sum(moderation_comments_decided_total)", 1100)
    found = {name: panel_series(observed.prometheus.url, panel, 30, "10s") for name, panel in PANELS}
    assert [name for name, shows in found.items() if not shows] == []
    files = draw(observed.prometheus.url, 60, tmp_path / "pictures", "10s")
    assert sorted(path.name for path in files) == sorted(name.replace(".json", ".png") for name in BOARDS)
    for path in files:
        assert path.read_bytes().startswith(b"\x89PNG")
