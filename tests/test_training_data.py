"""Reading examples and recipes; needs no PyTorch."""

import gzip
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from moderation.errors import ConfigurationError
from moderation.events import CATEGORIES, FACETS
from moderation.seeds import seed
from moderation.training.data import AUTHORED, CONTEXT, FUNCTIONAL, TEST, DataError, batches, load, load_labelled, read_label_file, with_weak_negatives
from moderation.training.recipe import epochs, fold, load_recipe

ROW = {"id": "a", "text": "sh00t", "labels": {"toxicity": 0.8}, "weak_labels": {"threat": 0.0}, "fold": "train", "source": "s"}


def write(path: Path, *rows: object) -> Path:
    text = "".join(f"{json.dumps(row)}\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def test_what_was_not_judged_has_no_weight_and_the_text_is_normalised(tmp_path: Path) -> None:
    (example,) = load(write(tmp_path / "s.jsonl.gz", ROW))
    assert example.text == "shoot"
    assert example.labels == {"toxicity": 0.8, "threat": 0.0}
    assert example.weights == {"threat": 0.25, "toxicity": 1.0}
    assert "incitement" not in example.weights


def test_authored_twins_share_a_fold(tmp_path: Path) -> None:
    rows = [{"id": f"p{i}", "text": "x", "label": i % 2, "pair": f"p{i ^ 1}"} for i in range(400)]
    examples = {e.id: e for e in load(write(tmp_path / "a.jsonl", *rows))}
    assert {e.fold for e in examples.values()} == {"train", "valid"}
    assert all(e.pair and examples[e.pair].fold == e.fold for e in examples.values())


@pytest.mark.parametrize(
    "line", ["nope", "[]", '{"id": "a"}', '{"id": "a", "text": "x", "labels": {"rudeness": 1}}', '{"id": "a", "text": "x", "labels": {"threat": 7}}']
)
def test_a_wrong_line_is_refused_with_its_file(tmp_path: Path, line: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.jsonl"):
        load(path)


def test_labels_by_id_find_their_text_unless_the_id_is_ambiguous(tmp_path: Path) -> None:
    rows = [{"id": i, "text": t} for i, t in (("a", "one"), ("b", "two"), ("b", "other"), ("c", "three"))]
    labels = tmp_path / "labels.tsv"
    labels.write_text("# note\na\t1\nb\t0\nc\t?\n", encoding="utf-8")
    found = load_labelled(write(tmp_path / "x.jsonl", *rows), read_label_file(labels), "incitement")
    assert [(e.id, e.text, e.labels) for e in found] == [("a", "one", {"incitement": 1.0})]


def test_harmless_comments_are_weak_negatives(tmp_path: Path) -> None:
    rows = [{"id": "h", "text": "x", "labels": {"toxicity": 0.0}}, {"id": "t", "text": "y", "labels": {"toxicity": 0.9}}]
    harmless, toxic = with_weak_negatives(load(write(tmp_path / "x.jsonl", *rows)), "sexual_explicit")
    assert harmless.labels["sexual_explicit"] == 0.0
    assert "sexual_explicit" not in toxic.labels


def test_batches_hold_every_text_once_within_the_budget() -> None:
    lengths = [(7 * i) % 90 + 1 for i in range(500)]
    groups = batches(lengths, token_budget=512, most=32, seed=1)
    assert sorted(i for g in groups for i in g) == list(range(500))
    assert all(len(g) <= 32 and max(lengths[i] for i in g) * len(g) <= 512 for g in groups)


def test_a_recipe_draws_only_train_rows_and_the_same_ones_for_a_seed(tmp_path: Path) -> None:
    write(tmp_path / "pub.jsonl.gz", *[{**ROW, "id": f"r{i}", "fold": "valid" if i % 5 == 0 else "train"} for i in range(100)])
    config = tmp_path / "r.toml"
    config.write_text('base="minilm"\nseed=1\n[[phase]]\nname="p"\nepochs=2\nsource=[{file="pub.jsonl.gz", rows=20}]\n', encoding="utf-8")
    phase = load_recipe(config).phase[0]
    first, second = (list(epochs(phase, tmp_path, tmp_path, 1)) for _ in range(2))
    assert first == second
    assert [len(e) for e in first] == [20, 20]
    assert first[0] != first[1]
    assert {e.fold for rows in first for e in rows} == {"train"}
    assert len(fold(phase, tmp_path, tmp_path, "valid")["pub"]) == 20


def test_a_drawn_pair_is_drawn_whole(tmp_path: Path) -> None:
    write(tmp_path / "own.jsonl", *[{"id": f"p{i:02d}", "text": f"x {i}", "label": i % 2, "pair": f"p{i ^ 1:02d}", "fold": "train"} for i in range(60)])
    config = tmp_path / "r.toml"
    config.write_text('base="minilm"\nseed=1\n[[phase]]\nname="p"\nsource=[{seeds="own.jsonl", rows=20}]\n', encoding="utf-8")
    (rows,) = epochs(load_recipe(config).phase[0], tmp_path, tmp_path, 1)
    assert len(rows) == 20
    assert {e.pair for e in rows} == {e.id for e in rows}


def test_a_missing_file_and_a_wrong_field_are_named(tmp_path: Path) -> None:
    config = tmp_path / "r.toml"
    config.write_text('base="minilm"\nseed=1\n[[phase]]\nname="p"\nsource=[{file="gone.jsonl"}]\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"gone\.jsonl"):
        list(epochs(load_recipe(config).phase[0], tmp_path, tmp_path, 1))
    config.write_text('base="minilm"\nseed=1\nepoch=2\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"--config .*epoch"):
        load_recipe(config)


def test_our_own_examples_are_balanced_and_their_pairs_mutual() -> None:
    rows = {}
    for path in sorted(seed("incitement").glob("*.jsonl")):
        for example in load(path):
            assert example.id not in rows, example.id
            rows[example.id] = example
    assert len(rows) >= 4000
    assert len({e.text.lower() for e in rows.values()}) == len(rows)
    assert 0.45 < sum(e.labels["incitement"] for e in rows.values()) / len(rows) < 0.52  # news prose and idioms have no inciting twin
    paired = [e for e in rows.values() if e.pair]
    assert len(paired) >= 1200
    for e in paired:
        assert rows[e.pair or ""].pair == e.id
        assert rows[e.pair or ""].labels["incitement"] != e.labels["incitement"]


def test_the_test_sets_are_never_trained_on() -> None:
    """Neither do others' twins lie in them, nor do they share a text with what is trained on, and `apart` and `afresh` no topic."""
    paths = {path.stem: path for folder in ("incitement", "toxicity") for path in seed(folder).glob("*.jsonl")}
    assert set(paths) >= TEST
    test = {e.id: e for name in TEST for e in load(paths[name])}
    assert {e.fold for e in test.values()} == {"test"}
    assert all(e.pair is None or e.pair in test for e in test.values())
    others = [e for name in sorted(AUTHORED) for e in load(paths[name])]
    assert "test" not in {e.fold for e in others}
    assert not {e.text.lower() for e in others} & {e.text.lower() for e in test.values()}
    topics = {
        name: {row["topic"].lower() for row in map(json.loads, paths[name].read_text(encoding="utf-8").splitlines()) if row.get("topic")} for name in paths
    }
    for name in ("apart", "afresh"):
        assert not topics[name] & set().union(*(topics[other] for other in AUTHORED))


def test_the_recipe_that_ships_is_right_and_every_head_has_a_source() -> None:
    recipe = load_recipe(seed("training.toml"))
    assert recipe.phase
    assert set(CATEGORIES) >= {s.category for p in recipe.phase for s in p.source if s.category}


def test_our_examples_are_of_many_kinds() -> None:
    """What the label guideline asks of them: disguised words, half of them innocent; long comments with one bad clause; many topics."""
    rows = [json.loads(line) for path in sorted(seed("incitement").glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    disguised = [row["label"] for row in rows if row.get("register") == "obfuscated"]
    assert len(disguised) >= 200
    assert 0.4 < sum(disguised) / len(disguised) < 0.6
    assert sum(row["label"] for row in rows if len(row["text"].split()) > 70) >= 300
    assert len({row["topic"] for row in rows}) > 100
    assert len({row["speech_act"] for row in rows} - {None}) == len(FACETS["speech_act"])


VIOLENT = re.compile(
    r"\b(kill|shoot|shot|bomb|burn|hang|dead|death|die|dying|gun|knife|stab|murder|execut|nuke|blood|grave|bullet|rope|noose|explo|attack|hurt|beat|drown|poison"
    r"|crush|war|missile|behead|slaughter|massacre|assassin|lynch|shell|strangl|torch|grenade|coffin|funeral)\w*",
    re.IGNORECASE,
)


def test_no_keyword_and_no_length_tells_our_examples_apart() -> None:
    """A model that learned words or lengths instead of meaning would gain nothing on them."""
    rows = [json.loads(line) for path in sorted(seed("incitement").glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    labels = [bool(row["label"]) for row in rows]

    def right(says: list[bool]) -> float:
        share = sum(a == b for a, b in zip(labels, says, strict=True)) / len(rows)
        return max(share, 1 - share)

    assert right([bool(VIOLENT.search(row["text"])) for row in rows]) < 0.6
    assert max(right([len(row["text"]) > limit for row in rows]) for limit in range(10, 600, 10)) < 0.6
    positive, negative = Counter[str](), Counter[str]()
    for row, label in zip(rows, labels, strict=True):
        (positive if label else negative).update(set(re.findall(r"[a-z']+", row["text"].lower())))
    negatives = len(rows) - sum(labels)
    shares = [(positive[word] + negatives - negative[word]) / len(rows) for word in positive | negative]
    assert len(shares) > 5000
    assert max(max(share, 1 - share) for share in shares) < 0.6


def test_examples_with_a_context_are_pairs_that_mostly_share_their_text() -> None:
    """Title and parent decide most of these; none is among the examples without."""
    paths = sorted(seed("context").glob("*.jsonl"))
    rows = {row["id"]: row for path in paths for row in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
    assert len(rows) > 500
    assert sum(row["label"] for row in rows.values()) * 2 == len(rows)
    assert all(row["article_title"] for row in rows.values())
    paired = [row for row in rows.values() if row["pair"]]
    same = [row for row in paired if row["text"] == rows[row["pair"]]["text"]]
    assert len(same) > 270
    for row in paired:
        assert rows[row["pair"]]["pair"] == row["id"]
        assert rows[row["pair"]]["label"] != row["label"]


def test_the_figures_know_which_examples_are_ours() -> None:
    files = {path.stem for folder in ("incitement", "toxicity") for path in seed(folder).glob("*.jsonl")}
    assert files == AUTHORED | TEST
    assert {path.stem for path in seed("toxicity").glob("*.jsonl")} == FUNCTIONAL | {"trial"}
    assert {path.stem for path in seed("context").glob("*.jsonl")} == CONTEXT
