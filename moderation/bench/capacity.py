"""What a rate of comments needs: cores, workers, partitions, Redis memory."""

import math

import msgspec

# Measured by `moderation queue bench` (docs/queue.md): an item of 47 words, and what stays of it, without text, after it was decided.
ITEM_BYTES = 2710
TOMBSTONE_BYTES = 1000
HEADROOM = 0.5  # of what a worker can do, so that a peak of twice the rate is carried and a backlog is made up
DAY = 86_400.0


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    rate: float  # comments a second
    workers: int  # of one core each
    partitions: int  # at least as many as workers, with room to grow
    waiting_megabytes: float  # Redis: items that wait
    remembered_megabytes: float  # Redis: ids that were decided, until the retention is over
    moderators: float  # people at work at any hour, to keep up with what is filed


def needs(rate: float, *, worker_rate: float, flagged: float, hours: float, retention_days: float, verdicts_per_hour: float) -> Needs:
    """What `rate` comments a second need.

    `worker_rate` is what one worker on one core does, `flagged` the share that needs a person, `hours` how long an item waits, `verdicts_per_hour`
    what one moderator decides.
    """
    workers = max(1, math.ceil(rate / (worker_rate * HEADROOM)))
    filed = rate * flagged
    return Needs(
        rate=rate,
        workers=workers,
        partitions=_partitions(workers),
        waiting_megabytes=round(filed * hours * 3600 * ITEM_BYTES / 1e6, 1),
        remembered_megabytes=round(filed * retention_days * DAY * TOMBSTONE_BYTES / 1e6, 1),
        moderators=round(filed * 3600 / verdicts_per_hour, 1),
    )


def _partitions(workers: int) -> int:
    """Twice the workers, to the next multiple of twelve, which divides evenly among many numbers of them; a partition cannot be taken away again."""
    return max(12, math.ceil(2 * workers / 12) * 12)
