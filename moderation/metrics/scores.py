"""A histogram that is cheap to fill: every comment has eight scores, and the library's own takes ten times as long."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class ScoreHistogram(Collector):
    """Scores by category. Filled by one thread, read by any."""

    def __init__(self, name: str, documentation: str, *, edges: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labelnames = ("category",)
        self._edges = tuple(edges)
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        registry.register(self)

    def add(self, scores: Mapping[str, float]) -> None:
        """One comment's."""
        for category, score in scores.items():
            if category not in self._counts:
                self._sums[category], self._counts[category] = 0.0, [0] * (len(self._edges) + 1)
            self._counts[category][bisect_left(self._edges, score)] += 1
            self._sums[category] += score

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """The series, for Prometheus."""
        (family,) = self.describe()
        names = [*map(floatToGoString, self._edges), "+Inf"]
        for category, counts in sorted(self._counts.items()):
            family.add_metric([category], list(zip(names, accumulate(counts), strict=True)), self._sums[category])
        yield family

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """The same without values."""
        yield HistogramMetricFamily(self._name, self._documentation, labels=self._labelnames)
