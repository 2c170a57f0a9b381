"""From a URL to a Redis client: one server, a master that sentinels know, or a cluster.

    redis://user:password@host:port/db      rediss:// with TLS      unix:///path
    redis+sentinel://user:password@sentinel:26379,sentinel:26379/service/db
    redis+cluster://user:password@host:port,host:port

User and password are the Redis servers'; sentinels have a password of their own. All keys of a queue share one hash tag, so a cluster
keeps them in one slot; what a cluster adds is its failover.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis, Sentinel
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from moderation.errors import ConfigurationError
from moderation.tls import client_context

TIMEOUT = 5.0  # seconds for one answer
CONNECTIONS = 64  # of one process
SENTINEL_PORT, REDIS_PORT = 26379, 6379


def connect(
    url: str, *, ca_file: Path | None = None, cert_file: Path | None = None, key_file: Path | None = None, sentinel_password: str | None = None
) -> Redis:
    """A client that connects on first use. Raises ConfigurationError naming the setting.

    Every kind answers `script_load`, `evalsha` with one key, `ping`, and plain pipelines of these.
    """
    kind, secure = _kind(url)
    # The batch handler waits and tries again; a client that did so too would only hide it.
    options: dict[str, Any] = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT, "retry": Retry(NoBackoff(), 0)}
    if secure:
        client_context(setting="MODERATION_REDIS", ca_file=ca_file, cert_file=cert_file, key_file=key_file)  # speaks up now if it must
        given = {"ssl_ca_certs": ca_file, "ssl_certfile": cert_file, "ssl_keyfile": key_file}
        options |= {name: str(path) for name, path in given.items() if path is not None}
    try:
        if kind == "sentinel":
            return _sentinel(urlsplit(url), options | ({"ssl": True} if secure else {}), sentinel_password)
        if kind == "cluster":
            return _cluster(urlsplit(url), options | ({"ssl": True} if secure else {}))
        # Callers beyond the pool's size take turns instead of failing.
        return Redis.from_pool(BlockingConnectionPool.from_url(url, max_connections=CONNECTIONS, timeout=TIMEOUT, **options))
    except ValueError as error:
        raise ConfigurationError(f"MODERATION_REDIS_URL: {error}") from None


def _kind(url: str) -> tuple[str, bool]:
    """server, sentinel or cluster; and whether with TLS."""
    scheme, _, kind = url.partition("://")[0].partition("+")
    return kind or "server", scheme == "rediss"


def _sentinel(url: SplitResult, options: dict[str, Any], password: str | None) -> Redis:
    service, _, db = url.path.removeprefix("/").partition("/")
    if not service or not (db or "0").isdigit():
        raise ValueError("expected redis+sentinel://host:port,…/service or …/service/db")
    sentinel: Callable[..., Any] = Sentinel
    sentinels = sentinel(_addresses(url, SENTINEL_PORT), sentinel_kwargs=options | {"password": password}, **options)
    return cast(Redis, sentinels.master_for(service, redis_class=_Followed, db=int(db or 0), **_user(url)))


class _Followed(Redis):
    """The master that sentinels know now; closing it closes the connections to them, too."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        pool: Any = self.connection_pool
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _cluster(url: SplitResult, options: dict[str, Any]) -> Redis:
    if url.path.strip("/") not in {"", "0"}:
        raise ValueError("a cluster has no databases: expected redis+cluster://host:port,…")
    # One retry: it is where the client asks again which node holds the slot.
    nodes = [ClusterNode(host, port) for host, port in _addresses(url, REDIS_PORT)]
    client: Callable[..., Any] = RedisCluster
    return cast(Redis, client(startup_nodes=nodes, **options | {"retry": Retry(NoBackoff(), 1)}, **_user(url)))


def _addresses(url: SplitResult, default: int) -> list[tuple[str, int]]:
    found = []
    for part in url.netloc.rpartition("@")[2].split(","):
        address = urlsplit(f"//{part}")
        if not address.hostname:
            raise ValueError("expected host:port[,host:port…]")
        found.append((address.hostname, address.port or default))
    return found


def _user(url: SplitResult) -> dict[str, Any]:
    """The ACL user and the password."""
    credentials, at, _ = url.netloc.rpartition("@")
    name, _, password = credentials.partition(":")
    return {"username": unquote(name) or None, "password": unquote(password) or None} if at else {}
