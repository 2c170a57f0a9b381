"""Redis URLs: what each kind connects to. tests/test_security.py does it for real."""

from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis, Sentinel
from redis.asyncio.cluster import RedisCluster

from moderation.errors import ConfigurationError
from moderation.review.connect import connect


async def test_one_server_has_its_user_and_database() -> None:
    client = connect("redis://queue:pa%40ss@redis-1:6380/3")
    found = client.connection_pool.connection_kwargs
    assert [found[name] for name in ("host", "port", "db", "username", "password")] == ["redis-1", 6380, 3, "queue", "pa@ss"]
    await client.aclose()


async def test_sentinels_are_asked_for_the_service() -> None:
    client = connect("redis+sentinel://queue:secret@s1,[::1]:26380/comments/2", sentinel_password="other")
    pool: Any = client.connection_pool
    sentinels: Sentinel = pool.sentinel_manager
    assert pool.service_name == "comments"
    assert [pool.connection_kwargs[name] for name in ("db", "username", "password")] == [2, "queue", "secret"]
    asked = [s.connection_pool.connection_kwargs for s in sentinels.sentinels]
    assert [(a["host"], a["port"], a["password"]) for a in asked] == [("s1", 26379, "other"), ("::1", 26380, "other")]
    await client.aclose()


async def test_a_cluster_starts_from_its_nodes() -> None:
    client: Any = connect("redis+cluster://:secret@n1:7000,n2")
    assert isinstance(client, RedisCluster)
    assert {(node.host, node.port) for node in client.startup_nodes} == {("n1", 7000), ("n2", 6379)}
    assert client.connection_kwargs["password"] == "secret"
    await client.aclose()


async def test_tls_goes_with_rediss(tmp_path: Path) -> None:
    assert isinstance(connect("rediss://r:1"), Redis)
    with pytest.raises(ConfigurationError, match=r"MODERATION_REDIS_CA_FILE: .*No such file"):
        connect("rediss+cluster://r:1", ca_file=tmp_path / "missing")


@pytest.mark.parametrize(
    "url",
    [
        "redis://host:port/0",
        "redis+sentinel://s1:26379",
        "redis+sentinel://s1:26379/service/zero",
        "redis+sentinel:///service",
        "redis+cluster://n1:1/2",
        "redis+cluster://n1:99999",
        "redis+cluster://",
    ],
)
def test_a_url_that_cannot_be_used_names_its_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="MODERATION_REDIS_URL"):
        connect(url)
