"""What the web app is made of; bootstrap wires it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Depends, Request

from moderation.accounts.login import Login
from moderation.events import Comment
from moderation.metrics import Metrics
from moderation.policy.policy import Policy
from moderation.review.journal import Journal
from moderation.review.queue import ReviewQueue
from moderation.scoring.batcher import Batcher
from moderation.web.hub import Hub


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Everything a route may use."""

    queue: ReviewQueue
    journal: Journal
    login: Login
    scoring: Batcher
    policy: Policy
    submit: Callable[[Comment], Awaitable[None]]  # returns when the comments topic has it; raises BrokerUnavailable
    hub: Hub
    metrics: Metrics
    lease: float  # seconds
    secure: bool  # cookies over TLS only
    close: Callable[[], Awaitable[None]]


def _wired(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


wired = Depends(_wired)
