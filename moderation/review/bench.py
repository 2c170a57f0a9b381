"""How fast the review queue is, and how much memory an item takes, at growing depths: the figures of docs/operations.md."""

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from string import ascii_lowercase

import msgspec

from moderation.events import Action, Article, Author, Comment, Decision, ModelRef, PolicyRef, Reason, ReviewItem, VerdictKind
from moderation.review.queue import ReviewQueue
from moderation.review.records import Change, Filter

BATCH = 500
WORDS = ("the", "people", "who", "wrote", "this", "never", "asked", "anyone", "in", "our", "town", "what", "they", "thought", "about", "it")


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """One operation at one depth, one call at a time; milliseconds."""

    depth: int
    operation: str
    p50: float
    p99: float


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What a run found."""

    latencies: tuple[Latency, ...]
    bytes_per_item: float
    filed_per_second: float


async def measure(
    queue: ReviewQueue, memory: Callable[[], Awaitable[int]], depths: Sequence[int], *, samples: int = 500, progress: Callable[[int], None] = lambda _: None
) -> Measured:
    """Fill the queue up to each depth and time single calls there. `memory` gives the bytes in use."""
    latencies: list[Latency] = []
    filed, spent, before = 0, 0.0, await memory()
    after = before
    for depth in sorted(depths):
        began = time.perf_counter()
        while filed < depth:
            count = min(BATCH, depth - filed)
            await queue.apply([filing(filed + i) for i in range(count)])
            filed += count
            progress(filed)
        spent += time.perf_counter() - began
        after = await memory()
        async for latency in _at(queue, depth, samples, first=filed):
            latencies.append(latency)
    return Measured(latencies=tuple(latencies), bytes_per_item=(after - before) / max(1, filed), filed_per_second=filed / max(spent, 1e-9))


async def _at(queue: ReviewQueue, depth: int, samples: int, first: int) -> AsyncIterator[Latency]:
    """Each operation, `samples` times. What is put is claimed and resolved, so the depth stays."""
    extra = [filing(depth * 1000 + first + i) for i in range(samples)]
    yield await _timed(depth, "put", [partial(queue.apply, [c]) for c in extra])
    only = Filter(site="site-1", section="section-2")
    yield await _timed(depth, "peek 20, filtered", [lambda: queue.peek(20, only=only) for _ in range(samples // 10)])
    shown = [change.comment.comment_id for change in extra[: samples // 10]]
    yield await _timed(depth, "around", [partial(queue.around, i) for i in shown])
    yield await _timed(depth, "counts", [queue.counts for _ in range(samples // 10)])
    claims = []

    async def claim() -> None:
        claims.extend(await queue.claim("bench", lease=3600))

    yield await _timed(depth, "claim", [claim for _ in range(samples)])
    yield await _timed(depth, "renew", [partial(queue.renew, c, lease=3600) for c in claims])
    yield await _timed(depth, "resolve", [partial(queue.resolve, c, VerdictKind.REJECT, "bench") for c in claims])


async def _timed(depth: int, operation: str, calls: Sequence[Callable[[], Awaitable[object]]]) -> Latency:
    took = []
    for call in calls:
        began = time.perf_counter()
        await call()
        took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return Latency(depth=depth, operation=operation, p50=took[len(took) // 2], p99=took[min(len(took) - 1, int(len(took) * 0.99))])


def _word(rng: random.Random) -> str:
    """One of the common, or one that hardly comes again: as in a language, two texts share few pairs of words."""
    return rng.choice(WORDS) if rng.random() < 0.5 else "".join(rng.choices(ascii_lowercase, k=4))


def filing(number: int) -> Change:
    """A comment like those of a newsroom: 47 words on average, one of 5 sites, 8 sections, 4 categories, 2 languages, 100,000 authors."""
    rng = random.Random(number)
    comment = Comment(
        comment_id=f"bench-{number:09d}",
        text=" ".join(_word(rng) for _ in range(rng.randint(10, 84))),
        created_at="2025-01-01T12:00:00Z",
        author=Author(id=f"reader-{rng.randrange(100_000)}", name="A Reader"),
        site=f"site-{rng.randrange(5)}",
        section=f"section-{rng.randrange(8)}",
        article=Article(id=f"article-{rng.randrange(10_000)}", title="A title of some eight words or so, typically", url="https://example.org/article"),
        lang=rng.choice(["en", "de"]),
    )
    category, score = rng.choice(["incitement", "threat", "insult", "toxicity"]), round(rng.uniform(0.5, 1.0), 4)
    decision = Decision(
        comment_id=comment.comment_id,
        revision=1,
        action=Action.REVIEW,
        priority=score,
        reasons=(Reason(rule="threshold", category=category, score=score, threshold=0.5),),
        scores=dict.fromkeys(("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack", "sexual_explicit", "incitement"), score),
        spans=(),
        model=ModelRef(id="bench", version="0"),
        policy=PolicyRef(id="bench", version="0"),
        site=comment.site,
        section=comment.section,
        decided_at="2025-01-01T12:00:00.000+00:00",
    )
    return Change(comment=comment, item=ReviewItem(comment=comment, decision=decision))
