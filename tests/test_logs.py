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
