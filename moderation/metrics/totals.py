"""A counter that is kept elsewhere, and only shown here."""

from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class Totals(Collector):
    """Totals by one label. Shows nothing until it was told something."""

    def __init__(self, name: str, documentation: str, label: str, *, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labelnames = (label,)
        self._totals: Mapping[str, float] = {}
        registry.register(self)

    def show(self, totals: Mapping[str, float]) -> None:
        """These are the totals now."""
        self._totals = dict(totals)

    def collect(self) -> Iterable[CounterMetricFamily]:
        """The series, for Prometheus."""
        family = self._family()
        for value, total in sorted(self._totals.items()):
            family.add_metric([value], total)
        yield family

    def describe(self) -> Iterable[CounterMetricFamily]:
        """The same without values."""
        yield self._family()

    def _family(self) -> CounterMetricFamily:
        return CounterMetricFamily(self._name, self._documentation, labels=self._labelnames)
