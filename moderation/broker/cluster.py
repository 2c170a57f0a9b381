"""How to reach a Kafka cluster; every client of ours starts from this."""

import ssl
from typing import Any

import msgspec

MAX_REQUEST = 8 * 1024 * 1024
REQUEST_TIMEOUT_MS = 15_000


class Sasl(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are, by name and password."""

    mechanism: str  # PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
    username: str
    password: str

    def __repr__(self) -> str:
        return f"Sasl({self.mechanism}, {self.username})"


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A Kafka cluster as the settings name it."""

    servers: tuple[str, ...]  # host:port
    tls: ssl.SSLContext | None = None
    sasl: Sasl | None = None

    def options(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client."""
        return {"bootstrap_servers": list(self.servers), "request_timeout_ms": REQUEST_TIMEOUT_MS, **self.security()}

    def security(self) -> dict[str, Any]:
        """The part of the options that says how a connection is secured."""
        protocol = f"{'SASL_' if self.sasl else ''}{'SSL' if self.tls else 'PLAINTEXT'}"
        options: dict[str, Any] = {"security_protocol": protocol, "ssl_context": self.tls}
        if self.sasl:
            options |= {"sasl_mechanism": self.sasl.mechanism, "sasl_plain_username": self.sasl.username, "sasl_plain_password": self.sasl.password}
        return options
