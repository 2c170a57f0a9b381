"""The whole way: a comment goes onto the topic, a worker files it, and a browser that is open shows it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browsing import chromium, enter, fresh

pytestmark = [pytest.mark.browser, pytest.mark.timeout(150)]

SEND = """async () => {
  const headers = {'Content-Type': 'application/json', 'X-CSRF-Token': document.querySelector('meta[name=csrf]').content};
  const body = JSON.stringify({comment_id: 'late-1', text: 'fake:incitement=0.97 now', author: {id: 'r1', name: 'late reader'}});
  return (await fetch('/api/v1/comments', {method: 'POST', headers, body})).status;
}"""


@pytest.fixture
def demo() -> Iterator[tuple[str, str]]:
    """Address and password of a demo that is up."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MODERATION_")} | {"MODERATION_MODEL": "fake"}
    command = [sys.executable, "-m", "moderation", "demo"]
    with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "Ctrl-C ends it." in line:
                break
        try:
            ((address, password),) = re.findall(r"console +(http://\S+) +log in as demo with (\S+)", "".join(said))
            yield address, password
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)


def test_a_comment_from_kafka_is_seen_as_it_arrives_and_decided(demo: tuple[str, str]) -> None:
    faults: list[str] = []
    with chromium() as browser, fresh(browser) as context:
        page = enter(context, demo[0], "demo", demo[1], faults)
        assert page.evaluate(SEND) == 202
        expect(page.locator("#items > li").first).to_contain_text("late reader", timeout=30_000)
        page.keyboard.press("n")
        expect(page.locator("#title")).to_have_text("Comment of late reader")
        expect(page.locator("#lease")).to_be_visible()
        page.keyboard.press("a")
        page.wait_for_url("**/queue")
        expect(page.get_by_role("status")).to_contain_text("Approved.")
    assert faults == []
