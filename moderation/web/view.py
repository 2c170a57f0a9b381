"""What part of the queue somebody looks at: the filter in the address of a page."""

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, Query

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.review.records import Filter, Waiting
from moderation.web.api_queue import DEEPEST, Facet, Level, only

FACETS = ("site", "section", "category", "lang")


class View(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A filter. None fits all; an empty facet fits what has none."""

    site: str | None = None
    section: str | None = None
    category: str | None = None
    lang: str | None = None
    level: Level = "first"
    older_than: float = 0.0  # seconds an item has waited at least
    q: str = ""  # words in the text, the author's name or the article's title
    begin: int = 0

    def only(self) -> Filter:
        """As the queue takes it. Age and words are not part of it: `sifts` says whether they are asked for."""
        return only(self.site, self.section, self.category, self.lang, self.level)

    @property
    def sifts(self) -> bool:
        """The queue's own filter is not enough."""
        return bool(self.older_than or self.q)

    def fits(self, waiting: Waiting, now: float) -> bool:
        """Age (by `now`, Unix seconds) and words."""
        comment = waiting.item.comment
        words = (comment.text, (comment.author.name if comment.author else "") or "", (comment.article.title if comment.article else "") or "")
        return now - waiting.filed_at >= self.older_than and (not self.q or any(self.q.casefold() in part.casefold() for part in words))

    def address(self, path: str, **changes: Any) -> str:
        """The path with this view, or with another one: the first page of it unless `begin` is said. Other names are added as they are."""
        mine = {name: value for name, value in changes.items() if name in self.__struct_fields__}
        view = msgspec.structs.replace(self, **{"begin": 0, **mine})
        other = {name: value for name, value in changes.items() if name not in mine}
        query = urlencode({**other, **{name: f"{value:g}" if isinstance(value, float) else value for name, value in msgspec.to_builtins(view).items()}})
        return f"{path}?{query}" if query else path

    def may_claim(self, who: Principal) -> bool:
        """Whether they may work on what is seen here."""
        return who.may(Capability.DECIDE) and (self.level == "first" or who.may(Capability.OVERRULE))


def _asked(
    site: Facet = None,
    section: Facet = None,
    category: Facet = None,
    lang: Facet = None,
    level: Level = "first",
    older_than: Annotated[float, Query(ge=0, le=1e9, allow_inf_nan=False)] = 0.0,
    q: Annotated[str, Query(max_length=200)] = "",
    begin: Annotated[int, Query(ge=0, le=DEEPEST)] = 0,
) -> View:
    return View(site=site, section=section, category=category, lang=lang, level=level, older_than=older_than, q=q.strip(), begin=begin)


asked = Depends(_asked)
