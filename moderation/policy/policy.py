"""The policy file as a validated value with a version hash.

    id = "default"

    [categories.incitement]
    review = 0.60        # file for a person, the comment stays visible
    hold = 0.90          # file for a person, the comment waits
    weight = 1.0         # severity: priority in the queue = weight × score

    [[overrides]]        # the first that matches a comment's site and section refines the categories above
    section = "kids"
    [overrides.categories.obscene]
    review = 0.30
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import msgspec

from moderation.errors import PolicyError
from moderation.events import CATEGORIES, PolicyRef

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
_TABLE = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


class CategoryRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which score on a category is acted upon, and how severe it is."""

    review: Share | None = None  # None: never for this category
    hold: Share | None = None
    weight: Share = 0.5


class CategoryChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an override changes; a threshold of `false` switches it off."""

    review: Share | bool | None = None
    hold: Share | bool | None = None
    weight: Share | None = None


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Different thresholds for a site, a section, or a section of a site."""

    site: str | None = None
    section: str | None = None
    categories: dict[str, CategoryChange]


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    categories: dict[str, CategoryRule]
    overrides: list[Override] = []


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that has been checked."""

    ref: PolicyRef  # id, and the hash of the file's content
    categories: Mapping[str, CategoryRule]
    overrides: tuple[Override, ...] = ()

    def rules_for(self, site: str | None, section: str | None) -> Mapping[str, CategoryRule]:
        """The categories' rules for a comment of this site and section."""
        for override in self.overrides:
            if override.site in (None, site) and override.section in (None, section):
                return {name: _changed(rule, override.categories.get(name)) for name, rule in self.categories.items()}
        return self.categories


def load_policy(path: Path) -> Policy:
    """Read and check a policy file. Raises PolicyError with file, line, field and what was expected."""
    try:
        content = path.read_bytes()
        return parse_policy(content.decode(), str(path))
    except OSError as error:
        raise PolicyError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise PolicyError(f"{path}: not UTF-8") from None


def parse_policy(content: str, name: str = "policy") -> Policy:
    """Check the content of a policy file; `name` stands in messages."""
    try:
        file = msgspec.convert(tomllib.loads(content), _File)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name}: {error}") from None
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at ")
        raise PolicyError(_located(name, content, path.strip("`").removeprefix("$").removeprefix("."), message)) from None
    _check(file, name, content)
    merged = {category: file.categories.get(category, CategoryRule()) for category in CATEGORIES}
    version = hashlib.sha256(content.encode()).hexdigest()[:12]
    return Policy(ref=PolicyRef(id=file.id, version=version), categories=merged, overrides=tuple(file.overrides))


def _check(file: _File, name: str, content: str) -> None:
    """What types cannot say: known categories, a hold threshold no lower than review, overrides that match something."""
    tables: list[tuple[str, Mapping[str, CategoryRule | CategoryChange]]] = [("categories", file.categories)]
    tables += [(f"overrides[{i}].categories", o.categories) for i, o in enumerate(file.overrides)]
    for where, table in tables:
        for category, rule in table.items():
            if category not in CATEGORIES:
                raise PolicyError(_located(name, content, f"{where}.{category}", f"no such category; expected one of {', '.join(CATEGORIES)}"))
            review, hold = rule.review, rule.hold
            if isinstance(review, bool) and review or isinstance(hold, bool) and hold:
                raise PolicyError(_located(name, content, f"{where}.{category}", "a threshold is a number from 0 to 1, or false"))
            if review is not None and hold is not None and review is not False and hold is not False and hold < review:
                raise PolicyError(_located(name, content, f"{where}.{category}.hold", f"expected at least review ({review})"))
    for i, override in enumerate(file.overrides):
        if override.site is None and override.section is None:
            raise PolicyError(_located(name, content, f"overrides[{i}]", "expected a site, a section or both"))


def _changed(rule: CategoryRule, change: CategoryChange | None) -> CategoryRule:
    if change is None:
        return rule
    return CategoryRule(
        review=_threshold(rule.review, change.review),
        hold=_threshold(rule.hold, change.hold),
        weight=rule.weight if change.weight is None else change.weight,
    )


def _threshold(old: float | None, new: float | bool | None) -> float | None:
    if new is None:
        return old
    return None if new is False else float(new)


def _located(name: str, content: str, path: str, message: str) -> str:
    """'FILE:LINE: FIELD: MESSAGE'. tomllib keeps no line numbers, so the field is looked up in the text."""
    lines = _lines_of_fields(content)
    wanted = path
    while wanted and wanted not in lines:
        wanted = wanted.rpartition(".")[0]
    unknown = re.search(r"unknown field `([^`]+)`", message)
    if unknown:
        path = ".".join(part for part in (path, unknown[1]) if part)
        wanted = path if path in lines else wanted
    line = lines.get(wanted, 1)
    return f"{name}:{line}: {path or 'file'}: {message}"


@lru_cache(maxsize=1)
def _lines_of_fields(content: str) -> dict[str, int]:
    """Dotted path → line number, for tables and keys as a person writes them (one a line)."""
    found: dict[str, int] = {}
    table, counts = "", {"overrides": -1}
    for number, line in enumerate(content.splitlines(), 1):
        if header := _TABLE.match(line):
            parts = header[1].split(".")
            if line.lstrip().startswith("[["):
                counts[parts[0]] = counts.get(parts[0], -1) + 1
            if parts[0] in counts:
                parts[0] = f"{parts[0]}[{counts[parts[0]]}]"
            table = ".".join(parts)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(".".join(part for part in (table, key[1]) if part), number)
    return found
