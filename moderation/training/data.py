"""Training examples: files of labelled comments → Examples with masked labels.

The format is one JSON object a line, plain or gzipped:

    {"id": "...", "text": "...", "labels": {"toxicity": 0.8, ...}, "weak_labels": {...}?, "fold": "train" | "valid", "source": "..."}

A label that is absent was not judged: it is masked in the loss, never read as 0. `weak_labels` were inferred and weigh less.
The authored examples under seeds/ have `label` (incitement 0 or 1) instead, `pair`, and where it can be told `speech_act`, `severity`, `target`, `exemption`,
`article_title` and `parent`. docs/model.md says where the public sets come from.
"""

import gzip
import hashlib
import json
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from moderation.events import CATEGORIES, FACETS
from moderation.normalise import normalise
from moderation.seeds import seed


def _names(folder: str) -> frozenset[str]:
    return frozenset(path.stem for path in seed(folder).glob("*.jsonl"))


TEST = frozenset({"elsewhere", "apart", "afresh", "ordinary", "trial"})  # only reported: nothing is trained on them, chosen by them or fitted to them
FUNCTIONAL = _names("toxicity") - TEST  # made for toxicity, by kind
CONTEXT = _names("context")
AUTHORED = _names("incitement") - TEST | FUNCTIONAL
# Exemptions that some of our files name more finely than the model tells them apart.
_EXEMPTION_OF = {
    "hunting": "hunting_pest",
    "hunting_food": "hunting_pest",
    "pest_control": "hunting_pest",
    "prediction": "analysis",
    "gallows_humour": "idiom",
    "hyperbole": "idiom",
    "selfdefence": "self_defence",
}
WEAK_WEIGHT = 0.25
VALID_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Example:
    """One labelled comment."""

    id: str
    text: str  # normalised
    labels: Mapping[str, float]  # category → share of people who saw it, 0..1
    weights: Mapping[str, float]  # category → how much the label counts in the loss
    fold: str  # train | valid (thresholds are chosen on it) | test (looked at for the report only)
    source: str  # the file's name
    pair: str | None = None  # id of its minimal-contrast twin
    title: str = ""  # of the article, normalised
    parent: str = ""  # the comment answered to, normalised
    facets: Mapping[str, str] = field(default_factory=dict)  # facet → value, where a person could tell
    kind: str = ""  # of a functional example of toxicity


class DataError(ValueError):
    """a training file is not in the documented format"""


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file. Raises DataError with file and line."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DataError(f"{path}:{number}: not JSON ({error})") from None
            if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not isinstance(row.get("text"), str):
                raise DataError(f"{path}:{number}: needs id and text, both strings")
            yield row


def load(path: Path) -> list[Example]:
    """All examples of one file, labels checked."""
    source = path.name.split(".")[0]
    return [_example(path, row, source) for row in read_lines(path)]


def typical_texts(folder: Path, count: int = 128) -> list[str]:
    """Train texts of our own examples, evenly spread, to make int8 steps for."""
    texts = [e.text for path in sorted(folder.glob("*.jsonl")) for e in load(path) if e.fold == "train"]
    return texts[:: max(1, len(texts) // count)][:count]


def with_weak_negatives(examples: Iterable[Example], category: str) -> list[Example]:
    """Comments that people judged harmless, read as weak negatives of a category nobody judged there."""
    return [
        replace(e, labels={**e.labels, category: 0.0}, weights={**e.weights, category: WEAK_WEIGHT})
        if e.labels.get("toxicity", 1.0) < 0.1 and category not in e.labels
        else e
        for e in examples
    ]


def load_labelled(path: Path, labels_by_id: Mapping[str, float], category: str) -> list[Example]:
    """The rows of `path` that were labelled by id elsewhere: the text stays in the data set, only the label is ours.

    An id that stands for two texts is passed over: no one can tell which was meant.
    """
    rows = [row for row in read_lines(path) if row["id"] in labels_by_id]
    times = Counter(row["id"] for row in rows)
    return [
        Example(
            row["id"],
            normalise(row["text"]).text,
            {category: labels_by_id[row["id"]]},
            {category: 1.0},
            row.get("fold") or _fold(row["id"]),
            f"labelled_{category}",
        )
        for row in rows
        if times[row["id"]] == 1
    ]


def read_label_file(path: Path) -> dict[str, float]:
    """A TSV of id and 0|1 (`?` and comments are passed over)."""
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
    return {row[0]: float(row[1]) for row in rows if row[1] in {"0", "1"}}


def batches(lengths: list[int], *, token_budget: int, most: int, seed: int) -> list[list[int]]:
    """Indices grouped so that a batch holds texts of like length and at most token_budget padded tokens.

    Sorting by length removes most padding; the batches themselves are shuffled, so that no epoch goes from short to long.
    """
    chooser = random.Random(seed)
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i] + chooser.random() * 4, chooser.random()))
    groups: list[list[int]] = []
    current: list[int] = []
    longest = 0
    for index in order:
        longest = max(longest, lengths[index])
        if current and (len(current) >= most or longest * (len(current) + 1) > token_budget):
            groups.append(current)
            current, longest = [], lengths[index]
        current.append(index)
    if current:
        groups.append(current)
    chooser.shuffle(groups)
    return groups


def _example(path: Path, row: Mapping[str, Any], source: str) -> Example:
    labels: dict[str, float] = {}
    weights: dict[str, float] = {}
    if "label" in row:
        labels["incitement"], weights["incitement"] = float(row["label"]), 1.0
    for name, given, weight in (("weak_labels", row.get("weak_labels"), WEAK_WEIGHT), ("labels", row.get("labels"), 1.0)):
        for category, value in (given or {}).items():
            if category not in CATEGORIES or not 0.0 <= float(value) <= 1.0 or math.isnan(float(value)):
                raise DataError(f"{path}: {row['id']}: {name}.{category}={value!r} is no category with a value from 0 to 1")
            labels[category], weights[category] = float(value), weight
    # Twins go to the same fold, or the valid fold would hold near-copies of training rows.
    fold = row.get("fold") or _fold(min(row["id"], row.get("pair") or row["id"]))
    title, parent = (normalise(row.get(name) or "").text for name in ("article_title", "parent"))
    return Example(row["id"], normalise(row["text"]).text, labels, weights, fold, source, row.get("pair"), title, parent, _facets(row), row.get("kind") or "")


def _facets(row: Mapping[str, Any]) -> dict[str, str]:
    """The facets of one of our own examples; what is no value of a facet is `other`, where the facet has it, and left out elsewhere."""
    found = {}
    for facet, values in FACETS.items():
        if value := row.get(facet):
            named = _EXEMPTION_OF.get(value, value)
            if named in values or "other" in values:
                found[facet] = named if named in values else "other"
    return found


def _fold(key: str) -> str:
    """A stable fold for rows that came without one."""
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) / 2**32
    return "valid" if share < VALID_SHARE else "train"
