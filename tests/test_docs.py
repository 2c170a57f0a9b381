"""The docs say what the code does: reference pages are rendered from it, and hand-written pages name only what exists."""

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from typer.main import get_command

from moderation.accounts.roles import Capability
from moderation.cli import app
from moderation.config import PREFIX, Settings
from moderation.events import Comment
from moderation.review.memory import MemoryQueue
from moderation.web.problems import NAMES
from moderation.words import FILE as WORDS
from tests.makers import decision
from tests.test_prometheus import series
from tests.webbing import build

ROOT = Path(__file__).parent.parent
PROSE = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *(ROOT / "docs").glob("*.md")])


@pytest.fixture(scope="module")
def render() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render", ROOT / "docs" / "render.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["settings.md", "metrics.md", "cli.md", "wire.schema.json", "model-card.md"])
def test_reference_pages_are_what_the_code_says(render: ModuleType, page: str) -> None:
    assert (ROOT / "docs" / page).read_text(encoding="utf-8") == render.PAGES[page](), "run `make docs`"


def test_the_list_of_words_is_that_of_our_examples(render: ModuleType) -> None:
    assert WORDS.read_text(encoding="ascii") == render.words(), "run `make docs`"


@pytest.mark.parametrize("page", PROSE, ids=lambda p: p.name)
def test_every_setting_named_exists(page: Path) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {"MODERATION_TEST_REDIS_URL", "MODERATION_REQUIRE_KAFKA"}
    assert set(re.findall(r"MODERATION_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8"))) <= known


@pytest.mark.parametrize("page", PROSE, ids=lambda p: p.name)
def test_every_metric_named_exists(page: Path) -> None:
    named = set(re.findall(r"`(moderation[_:][a-z0-9_:]+)", page.read_text(encoding="utf-8")))
    families = {name.removesuffix("_total") for name in series()}
    assert named - series() - families == set()


@pytest.mark.parametrize("page", PROSE, ids=lambda p: p.name)
def test_every_command_named_exists(page: Path) -> None:
    menu = get_command(app)
    for words in re.findall(r"`moderation ([a-z]+(?: [a-z]+)?)", page.read_text(encoding="utf-8")):
        first, *rest = words.split()
        command = getattr(menu, "commands", {}).get(first)
        assert command is not None, words
        for word in rest if hasattr(command, "commands") else []:
            assert word in command.commands, words


def test_the_api_page_names_every_route_problem_and_capability() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    queue = MemoryQueue()
    routes = {
        f"`{method.upper()} {path.removeprefix('/api/v1')}`"
        for path, methods in build(queue, queue.journal).app.openapi()["paths"].items()
        for method in methods
    }
    assert len(routes) > 20
    assert {route for route in routes if route not in text} == set()
    assert {name for name in NAMES if f"`{name}`" not in text} == set()
    assert {capability for capability in Capability if f"`{capability.value}`" not in text} == set()


@pytest.mark.parametrize("page", PROSE, ids=lambda p: p.name)
def test_every_file_linked_exists(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_the_data_flow_names_functions_that_exist() -> None:
    text = (ROOT / "docs" / "data-flow.md").read_text(encoding="utf-8")
    named = re.findall(r"`(moderation/[\w/]+\.py)` `([\w.]+)`", text)
    assert len(named) >= 8
    for file, function in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"(def|class) {function.rsplit('.', 1)[-1]}\b", source), f"{file} {function}"


def test_the_makefile_has_the_readmes_targets() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:`|^    )make ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"demo", "test"} <= targets
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_messages_keep_to_the_schema() -> None:
    schema = json.loads((ROOT / "docs" / "wire.schema.json").read_text(encoding="utf-8"))["$defs"]
    sent = json.loads(msgspec.json.encode(decision()))
    assert set(sent) == set(schema["Decision"]["properties"])
    assert '"text"' not in json.dumps(sent)
    assert set(schema["Comment"]["required"]) == {"comment_id", "text"}
    assert set(schema["Comment"]["properties"]) == set(Comment.__struct_fields__)


def test_no_package_registry_is_named() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    checked = [ROOT / name for name in listed if name.endswith((".py", ".md", ".toml", ".txt", ".lua", ".xml", "Makefile"))]
    assert len(checked) > 50
    for path in checked:
        assert not re.search(r"https?://(registry|files|mirror|pypi)\.", path.read_text(encoding="utf-8")), path
