"""The web app: its answers, its logins."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from moderation.metrics.buckets import SECONDS


class WebMetrics:
    """One web process."""

    def __init__(self, r: CollectorRegistry) -> None:
        self.web_requests = Counter("moderation_web_requests", "Requests answered by the web app, by route and status.", ["route", "status"], registry=r)
        self.web_seconds = Histogram("moderation_web_seconds", "Seconds until the web app began its answer, by route.", ["route"], buckets=SECONDS, registry=r)
        self.logins = Counter("moderation_logins", "Logins, by what became of them: entered, refused, locked.", ["outcome"], registry=r)
        self.web_watchers = Gauge("moderation_web_watchers", "Browsers that listen for changes of the queue.", registry=r)
