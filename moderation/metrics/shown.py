"""Figures that are kept elsewhere, and only shown here: all at once, so that no scrape falls between an old one and a new one."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector


class Levels(Collector):
    """Gauges by one label. Shows nothing until it was told something, and nothing of what it is no longer told."""

    family: ClassVar[type[CounterMetricFamily] | type[GaugeMetricFamily]] = GaugeMetricFamily

    def __init__(self, name: str, documentation: str, label: str, *, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labelnames = (label,)
        self._values: Mapping[str, float] = {}
        registry.register(self)

    def show(self, values: Mapping[str, float]) -> None:
        """These are the values now."""
        self._values = dict(values)

    def collect(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """The series, for Prometheus."""
        family = self._empty()
        for label, value in sorted(self._values.items()):
            family.add_metric([label], value)
        yield family

    def describe(self) -> Iterable[CounterMetricFamily | GaugeMetricFamily]:
        """The same without values."""
        yield self._empty()

    def _empty(self) -> CounterMetricFamily | GaugeMetricFamily:
        return self.family(self._name, self._documentation, labels=self._labelnames)


class Totals(Levels):
    """Counters likewise."""

    family = CounterMetricFamily
