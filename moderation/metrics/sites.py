"""Sites as values of a label: a bounded set, because whoever writes to Kafka chooses the names."""

from collections.abc import Iterable

LIMIT = 30  # series grow with it
NONE, OTHER = "none", "other"
LONGEST = 64  # characters


class Sites:
    """The first sites seen have their names, the rest are "other". Those the policy names always have theirs."""

    def __init__(self, known: Iterable[str] = (), limit: int = LIMIT) -> None:
        self._limit = limit
        self._named = set(known)

    def know(self, sites: Iterable[str]) -> None:
        """These have their names whatever else comes."""
        self._named |= set(sites)

    def label(self, site: str | None) -> str:
        """What stands in the label for a comment's site."""
        if not site:
            return NONE
        if site in self._named:
            return site
        if len(self._named) >= self._limit or len(site) > LONGEST:
            return OTHER
        self._named.add(site)
        return site
