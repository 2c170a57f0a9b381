"""How to reach a Kafka cluster; every client of ours starts from this."""

from typing import Any

import msgspec

MAX_REQUEST = 8 * 1024 * 1024
REQUEST_TIMEOUT_MS = 15_000


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A Kafka cluster as the settings name it."""

    servers: tuple[str, ...]  # host:port

    def options(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client."""
        return {"bootstrap_servers": list(self.servers), "request_timeout_ms": REQUEST_TIMEOUT_MS}
