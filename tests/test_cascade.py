"""A student settles what is plainly harmless; what it is unsure of, and what the policy keeps from it, the encoder reads."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest
from prometheus_client import REGISTRY

from moderation.bootstrap import make_student
from moderation.config import load_settings
from moderation.errors import ConfigurationError
from moderation.events import CATEGORIES, ModelRef
from moderation.metrics import Metrics
from moderation.normalise import normalise
from moderation.pipeline import Pipeline
from moderation.policy.policy import load_policy, parse_policy
from moderation.progress import Progress
from moderation.review.memory import MemoryQueue
from moderation.scoring.cascade import CascadeScorer
from moderation.scoring.fake import FakeScorer
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.scorer import Context
from moderation.scoring.student import CARD, Student, StudentCard
from moderation.seeds import seed
from tests.asked import Asked
from tests.makers import comment

FLOORS = {"incitement": 0.7, "toxicity": 0.8}


class Pupil:
    """Finds the risk in the text."""

    def __init__(self, model: ModelRef) -> None:
        self.card = StudentCard(model=model, floors=FLOORS, threshold=0.1, pad=0)

    def read(self, texts: Sequence[str]) -> tuple[Any, list[int]]:
        answers = np.full((len(texts), len(CATEGORIES) + 1), 0.01, np.float32)
        for row, text in enumerate(texts):
            answers[row, -1] = 0.05 if "fine" in text else 0.5
            answers[row, CATEGORIES.index("toxicity")] = 0.9 if "rude" in text else 0.01
        return answers, [len(text.split()) for text in texts]


def cascade(metrics: Metrics | None = None) -> tuple[CascadeScorer, Asked]:
    reader = Asked()
    return CascadeScorer(reader, cast(Student, Pupil(reader.info.ref)), metrics=metrics or Metrics()), reader


async def test_what_the_student_is_sure_of_is_settled_and_the_rest_is_read_in_its_place() -> None:
    metrics = Metrics()
    scorer, reader = cascade(metrics)
    found = await scorer.score(["fine day", "fake:incitement=0.9", "fine too", "who knows"])
    assert [s.settled for s in found] == [True, False, True, False]
    assert reader.asked == ["fake:incitement=0.9", "who knows"]
    assert found[1].values["incitement"] == 0.9
    assert found[0].tokens == 2
    assert set(found[0].values) == set(CATEGORIES)
    assert metrics.registry.get_sample_value("moderation_comments_settled_total") == 2.0
    assert metrics.registry is not REGISTRY
    await scorer.close()


async def test_a_score_of_its_own_at_the_threshold_is_never_settled() -> None:
    scorer, reader = cascade()
    (found,) = await scorer.score(["fine but rude"])
    assert not found.settled
    assert reader.asked == ["fine but rude"]
    await scorer.close()


async def test_a_thorough_context_is_always_read() -> None:
    scorer, reader = cascade()
    found = await scorer.score(["fine one", "fine two"], [Context(thorough=True), Context()])
    assert [s.settled for s in found] == [False, True]
    assert reader.asked == ["fine one"]
    await scorer.close()


def test_a_student_of_another_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="moderation model student"):
        CascadeScorer(FakeScorer(), cast(Student, Pupil(ModelRef(id="other", version="1"))), metrics=Metrics())


PLAIN = (
    "Lovely article, thanks.",
    "Thank you for this report, very interesting.",
    "Thank you for the correction, I had missed that.",
    "The new bridge was closed for repairs when we went there last week.",
)


async def test_the_student_that_ships_is_of_the_model_that_ships_and_leaves_the_seed_threads_last_comment_to_it() -> None:
    card = msgspec.json.decode((BUILTIN / CARD).read_bytes(), type=StudentCard)
    default = load_policy(seed("policy.toml"))
    assert not default.cascade  # it is for a newsroom to turn on
    assert msgspec.structs.replace(default, cascade=True).may_settle(None, None, card.floors)
    scorer = CascadeScorer(OnnxScorer(threads=1), Student(BUILTIN, threads=1), metrics=Metrics())
    thread = [normalise(json.loads(line)["text"]).text for line in seed("thread.jsonl").read_text(encoding="utf-8").splitlines()]
    found = await scorer.score([*thread, *PLAIN])
    assert not found[5].settled
    assert found[5].values["incitement"] > card.floors["incitement"]
    settled = [scores for scores in found[len(thread) :] if scores.settled]
    assert settled  # which ones is a matter of its threshold
    assert all(scores.values[category] < floor for scores in settled for category, floor in card.floors.items())
    await scorer.close()


def test_a_policy_that_asks_for_a_student_is_refused_where_the_model_has_none() -> None:
    asks = parse_policy(POLICY.format(cascade="true"))
    assert make_student(load_settings({}), asks) is not None
    assert make_student(load_settings({}), parse_policy(POLICY.format(cascade="false"))) is None
    with pytest.raises(ConfigurationError, match="MODERATION_MODEL=fake has no student"):
        make_student(load_settings({"MODERATION_MODEL": "fake"}), asks)


def test_a_folder_without_a_student_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no student that loads"):
        Student(tmp_path)


POLICY = """
id = "p"
cascade = {cascade}
[categories.incitement]
review = 0.7
[categories.toxicity]
review = 0.8
[[overrides]]
section = "kids"
strict = true
[[overrides]]
section = "lower"
[overrides.categories.toxicity]
review = 0.5
[[overrides]]
section = "off"
[overrides.categories.toxicity]
review = false
"""


@pytest.mark.parametrize(("section", "may"), [(None, True), ("kids", False), ("lower", False), ("off", True)])
def test_strict_sections_and_those_with_lower_thresholds_are_read_whole(section: str | None, may: bool) -> None:
    assert parse_policy(POLICY.format(cascade="true")).may_settle(None, section, FLOORS) is may
    assert not parse_policy(POLICY.format(cascade="false")).may_settle(None, section, FLOORS)


def test_what_the_policy_acts_on_and_the_student_has_no_threshold_of_is_read_whole() -> None:
    policy = parse_policy(POLICY.format(cascade="true"))
    assert not policy.may_settle(None, None, {"incitement": 0.7})
    assert not policy.may_settle(None, None, FLOORS | {"incitement": 0.71})


@pytest.mark.parametrize("floors", [FLOORS, None])
async def test_a_decision_says_what_was_settled_and_a_strict_section_is_read(floors: dict[str, float] | None) -> None:
    scorer, reader = cascade()
    lines = Pipeline(
        scorer=scorer, policy=parse_policy(POLICY.format(cascade="true")), queue=MemoryQueue(), metrics=Metrics(), progress=Progress(), floors=floors
    )
    first, second, third = await lines.run([comment("a", "fine a"), comment("b", "fine b", section="kids"), comment("c", "fine c", section="lower")])
    assert first.settled
    # Without floors the pipeline knows of no student, and marks nothing as thorough.
    assert (second.settled, third.settled) == ((False, False) if floors else (True, True))
    assert reader.asked == (["fine b", "fine c"] if floors else [])
