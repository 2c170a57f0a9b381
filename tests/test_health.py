from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from moderation.health import LIVE_WITHIN, Health, serve
from moderation.metrics import Metrics


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def served() -> Iterator[tuple[str, Health, Clock, Metrics]]:
    clock, metrics = Clock(), Metrics()
    health = Health("model", "redis", clock=clock)
    url, stop = serve(health, metrics.registry, "127.0.0.1", 0)
    yield url, health, clock, metrics
    stop()


def get(url: str) -> tuple[int, str]:
    try:
        with urlopen(url) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_readyz_names_what_it_waits_for(served: tuple[str, Health, Clock, Metrics]) -> None:
    url, health, _, _ = served
    health.set("model", True)
    assert get(f"{url}/readyz") == (503, "waiting for redis\n")
    health.set("redis", True)
    assert get(f"{url}/readyz") == (200, "ready\n")


def test_livez_fails_when_the_loop_stands_still(served: tuple[str, Health, Clock, Metrics]) -> None:
    url, health, clock, _ = served
    assert get(f"{url}/livez")[0] == 200
    clock.now = LIVE_WITHIN + 1
    assert get(f"{url}/livez")[0] == 503
    health.beat()
    assert get(f"{url}/livez")[0] == 200


def test_metrics_are_served_and_other_paths_are_not(served: tuple[str, Health, Clock, Metrics]) -> None:
    url, _, _, metrics = served
    metrics.consumed.inc(3)
    assert "moderation_comments_consumed_total 3.0" in get(f"{url}/metrics")[1]
    assert get(f"{url}/secret")[0] == 404
