"""The policy file as a validated value with a version hash. Its format, its checks and what it means stay together: a field is added in one place.

id = "default"
when_unscored = "wait"   # when the model is broken: wait for it, or "review": file everything, unscored

[categories.incitement]
review = 0.60        # file for a person, the comment stays visible
hold = 0.90          # file for a person, the comment waits
weight = 1.0         # severity: priority in the queue = weight × score

cascade = false          # true: the encoder's student may settle what is plainly harmless, where the model has one

[[overrides]]        # the first that matches a comment's site and section refines the categories above
section = "kids"
when_unscored = "review"
strict = true            # here the encoder reads everything
[overrides.categories.obscene]
review = 0.30
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

import msgspec

from moderation.errors import PolicyError
from moderation.events import CATEGORIES, PolicyRef
from moderation.policy.locate import line_of

Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
WhenUnscored = Literal["wait", "review"]
T = TypeVar("T")


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


R = TypeVar("R", CategoryRule, CategoryChange)


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another policy for a site, a section, or a section of a site."""

    site: str | None = None
    section: str | None = None
    when_unscored: WhenUnscored | None = None  # None: as for the rest
    strict: bool = False  # the encoder reads everything
    categories: Mapping[str, CategoryChange] = {}

    def matches(self, site: str | None, section: str | None) -> bool:
        """It is meant for a comment of this site and section."""
        return self.site in (None, site) and self.section in (None, section)


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    when_unscored: WhenUnscored = "wait"
    cascade: bool = False
    categories: dict[str, dict[str, Any]]
    overrides: list[dict[str, Any]] = []


class _Where(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    site: str | None = None
    section: str | None = None
    when_unscored: WhenUnscored | None = None
    strict: bool = False
    categories: dict[str, dict[str, Any]] | None = None


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy that has been checked."""

    ref: PolicyRef  # id, and the hash of the file's content
    categories: Mapping[str, CategoryRule]
    when_unscored: WhenUnscored = "wait"
    cascade: bool = False  # a student may settle what is plainly harmless
    overrides: tuple[Override, ...] = ()

    def rules_for(self, site: str | None, section: str | None) -> Mapping[str, CategoryRule]:
        """The categories' rules for a comment of this site and section."""
        for override in self.overrides:
            if override.matches(site, section):
                return {name: _changed(rule, override.categories.get(name)) for name, rule in self.categories.items()}
        return self.categories

    def may_settle(self, site: str | None, section: str | None, floors: Mapping[str, float]) -> bool:
        """A student that learned to stay below `floors` may settle a comment of this site and section: nothing there acts on less."""
        if not self.cascade or next((o.strict for o in self.overrides if o.matches(site, section)), False):
            return False
        rules = self.rules_for(site, section)
        return all(least >= floors.get(name, 1.0) for name, rule in rules.items() for least in (rule.review, rule.hold) if least is not None)

    def when_unscored_for(self, site: str | None, section: str | None) -> WhenUnscored:
        """Whether a comment of this site and section waits for a broken model, or is filed unscored."""
        first = next((override for override in self.overrides if override.matches(site, section)), None)
        return (first.when_unscored if first else None) or self.when_unscored


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
        raw = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name}: {error}") from None
    check = _Check(name, content)
    file = check.convert(raw, _File, "")
    categories = check.categories(file.categories, CategoryRule, "categories")
    overrides = []
    for i, table in enumerate(file.overrides):
        at = f"overrides[{i}]"
        where = check.convert(table, _Where, at)
        changes = check.categories(where.categories or {}, CategoryChange, f"{at}.categories")
        if where.site is None and where.section is None:
            check.fail(at, "expected a site, a section or both")
        if where.categories is None and where.when_unscored is None and not where.strict:
            check.fail(at, "expected categories, when_unscored or strict")
        overrides.append(Override(site=where.site, section=where.section, when_unscored=where.when_unscored, strict=where.strict, categories=changes))
    merged = {category: categories.get(category, CategoryRule()) for category in CATEGORIES}
    version = hashlib.sha256(content.encode()).hexdigest()[:12]
    ref = PolicyRef(id=file.id, version=version)
    return Policy(ref=ref, categories=merged, when_unscored=file.when_unscored, cascade=file.cascade, overrides=tuple(overrides))


class _Check:
    """Turns raw tables into checked values, and faults into a PolicyError that says where."""

    def __init__(self, name: str, content: str) -> None:
        self._name = name
        self._content = content

    def fail(self, field: str, expected: str) -> NoReturn:
        raise PolicyError(f"{self._name}:{line_of(self._content, field)}: {field}: {expected}")

    def convert(self, value: object, kind: type[T], at: str) -> T:
        """`value` as a `kind`."""
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at ")
            inside = path.strip("`").removeprefix("$").removeprefix(".")
            if unknown := re.search(r"(?:unknown|missing required) field `([^`]+)`", message):
                inside = unknown[1]
            self.fail(".".join(part for part in (at, inside) if part) or "file", message)

    def categories(self, table: Mapping[str, object], kind: type[R], at: str) -> dict[str, R]:
        """The rules of a table, for known categories, with a hold threshold no lower than review."""
        rules = {}
        for category, value in table.items():
            where = f"{at}.{category}"
            if category not in CATEGORIES:
                self.fail(where, f"no such category; expected one of {', '.join(CATEGORIES)}")
            rule = rules[category] = self.convert(value, kind, where)
            if rule.review is True or rule.hold is True:
                self.fail(where, "a threshold is a number from 0 to 1, or false")
            if rule.review is not None and rule.hold is not None and rule.hold is not False and rule.hold < rule.review:
                self.fail(f"{where}.hold", f"expected at least review ({rule.review})")
        return rules


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
