import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from moderation import logs


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Logging is global; what a test sets up ends with it."""
    root = logging.getLogger()
    before = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def test_a_line_is_json_and_holds_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logs.logger("room").info("decided", comment_id="c1", text="secret words", body="secret words", action="hold")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["comment_id"], line["action"], line["room"]) == ("decided", "c1", "hold", "room")
    assert "secret" not in json.dumps(line)


def test_libraries_speak_up_only_when_it_matters(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logging.getLogger("aiokafka").info("chatter")
    logging.getLogger("aiokafka").warning("trouble")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["trouble"]


def test_a_library_that_repeats_itself_is_heard_once_in_a_while() -> None:
    now = [0.0]
    seldom = logs.Seldom(every=10.0, clock=lambda: now[0])

    def said(message: str, *args: object) -> str | None:
        record = logging.LogRecord("aiokafka", logging.ERROR, "", 0, message, args, None)
        return record.getMessage() if seldom.filter(record) else None

    assert said("no node %s", 1) == "no node 1"
    assert [said("no node %s", i) for i in (1, 2, 3)] == [None] * 3
    assert said("something else") == "something else"
    now[0] = 10.0
    assert said("no node %s", 4) == "no node 4 [and 3 times since it was last said]"


def test_what_libraries_said_does_not_pile_up() -> None:
    seldom = logs.Seldom()
    for i in range(5000):
        assert seldom.filter(logging.LogRecord("library", logging.ERROR, "", 0, f"thing {i}", (), None))
    assert len(seldom._said) <= 1000
