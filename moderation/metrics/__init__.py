"""Every Prometheus metric, named as a domain fact, with its buckets. Labels are few and never ids or text.

One module a subject: stream.py, scoring.py, decisions.py, review.py, service.py, web.py; docs/metrics.md is written from them.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, ProcessCollector

from moderation.metrics.decisions import DecisionMetrics
from moderation.metrics.review import ReviewMetrics
from moderation.metrics.scoring import ScoringMetrics
from moderation.metrics.service import ServiceMetrics
from moderation.metrics.stream import StreamMetrics
from moderation.metrics.web import WebMetrics


class Metrics(StreamMetrics, ScoringMetrics, DecisionMetrics, ReviewMetrics, ServiceMetrics, WebMetrics):
    """All metrics on one registry, so that a test can have its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        for subject in Metrics.__bases__:
            subject.__init__(self, self.registry)  # type: ignore[misc]  # each has its own __init__ with just this argument
        ProcessCollector(registry=self.registry)  # process_*: processor time, memory, open files, start time

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage of the corridor."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(time.perf_counter() - began)
