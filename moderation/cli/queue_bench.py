"""`moderation queue bench`"""

import asyncio
import secrets
from typing import Annotated, Any, cast

import msgspec
import typer
from redis.asyncio import Redis
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from moderation.bootstrap import make_redis
from moderation.config import load_settings
from moderation.review.bench import Measured, measure
from moderation.review.redis import RedisQueue


def bench(
    items: Annotated[
        int, typer.Option("--items", "-n", min=1000, help="How deep the queue gets; it is also measured at a tenth and a hundredth of that.")
    ] = 100_000,
    samples: Annotated[int, typer.Option("--samples", min=100, help="Calls of each operation at each depth.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Time put, claim, renew and resolve at growing depths on the Redis of MODERATION_REDIS_URL, and the memory an item takes.

    Under a prefix of its own, removed at the end. A million items take about two minutes and 1.5 GB.
    """
    found = asyncio.run(_bench([max(1, items // 100), max(1, items // 10), items], samples))
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    table = Table("operation", "depth", "p50", "p99")
    for latency in sorted(found.latencies, key=lambda row: (row.operation, row.depth)):
        table.add_row(latency.operation, f"{latency.depth:,}", f"{latency.p50:.2f} ms", f"{latency.p99:.2f} ms")
    console = Console()
    console.print(table)
    console.print(f"{found.filed_per_second:,.0f} filed a second in batches; {found.bytes_per_item:,.0f} bytes of Redis memory an item")


async def _bench(depths: list[int], samples: int) -> Measured:
    redis = make_redis(load_settings())
    prefix = f"moderation-bench-{secrets.token_hex(4)}"

    async def memory() -> int:
        return int((await redis.info("memory"))["used_memory"])

    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("filing", total=depths[-1])
            return await measure(RedisQueue(redis, prefix=prefix), memory, depths, samples=samples, progress=lambda n: progress.update(bar, completed=n))
    finally:
        await remove(redis, f"{{{prefix}}}:*")
        await redis.aclose()


async def remove(redis: Redis, pattern: str) -> None:
    """Every key of a pattern."""
    keys: list[Any] = []
    async for key in redis.scan_iter(pattern, count=5000):
        keys.append(key)
        if len(keys) == 5000:
            await cast(Any, redis.unlink(*keys))
            keys.clear()
    if keys:
        await cast(Any, redis.unlink(*keys))
