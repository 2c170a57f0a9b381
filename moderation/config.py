"""Every setting, once: name, type, default and help text. Environment variables MODERATION_*; nothing else is read.

Start-up fails with the variable's name when a value is wrong or a MODERATION_* variable is not known.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from moderation.consistency import faults
from moderation.errors import ConfigurationError

PREFIX = "MODERATION_"
# Read by the tests and by CI, not by the service.
_FOR_TESTS = frozenset({"MODERATION_TEST_REDIS_URL", "MODERATION_TEST_KAFKA", "MODERATION_REQUIRE_KAFKA"})

_REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class Settings(BaseSettings):
    """The whole configuration, frozen."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    kafka_url: str = Field("kafka://127.0.0.1:9092", description="Kafka brokers: kafka://host:port, several separated by commas.")
    kafka_security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="What the brokers speak: plaintext, ssl, sasl_plaintext or sasl_ssl."
    )
    kafka_ca_file: Path | None = Field(None, description="Certificates (PEM) of the authorities that vouch for the brokers; the system's when unset.")
    kafka_cert_file: Path | None = Field(None, description="Our certificate (PEM), for brokers that ask for one.")
    kafka_key_file: Path | None = Field(None, description="The key (PEM) of our certificate.")
    kafka_key_password: SecretStr | None = Field(None, description="Password of the key file, when it has one.")
    kafka_sasl: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(None, description="SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.")
    kafka_username: str | None = Field(None, min_length=1, description="SASL user.")
    kafka_password: SecretStr | None = Field(None, description="SASL password.")
    redis_url: SecretStr = Field(
        SecretStr("redis://127.0.0.1:6379/0"),
        description="The Redis that holds the review queue: redis://user:password@host:port/db; rediss:// with TLS; unix://; "
        "redis+sentinel://user:password@sentinel:26379,…/service/db; redis+cluster://user:password@host:port,…; rediss+… the same with TLS.",
    )
    redis_ca_file: Path | None = Field(None, description="Certificates (PEM) of the authorities that vouch for Redis; the system's when unset.")
    redis_cert_file: Path | None = Field(None, description="Our certificate (PEM), for a Redis that asks for one.")
    redis_key_file: Path | None = Field(None, description="The key (PEM) of our certificate; without a password.")
    redis_sentinel_password: SecretStr | None = Field(None, description="Password of the sentinels; the one in the URL is the Redis servers'.")
    group: str = Field("moderation", min_length=1, description="Kafka consumer group; workers of one group share the partitions.")
    comments_topic: str = Field("comments", min_length=1, description="Topic the reader comments arrive on.")
    decisions_topic: str = Field("moderation.decisions", min_length=1, description="Topic the decisions leave on.")
    dead_letter_topic: str = Field("comments.dlq", min_length=1, description="Topic for events that can never be processed, with their original bytes.")
    verdicts_topic: str = Field("moderation.verdicts", min_length=1, description="Topic the moderators' verdicts leave on.")
    create_topics: bool = Field(True, description="Create missing topics at start. Turn off where an administrator owns the topics.")
    partitions: int = Field(4, ge=1, description="Partitions of a topic that has to be created.")
    replication: int = Field(1, ge=1, description="Replication factor of a topic that has to be created; 3 in production.")
    batch_size: int = Field(64, ge=1, le=1024, description="Most comments handled together.")
    batch_wait: Seconds = Field(0.02, description="Seconds to wait for a batch to fill; under load it fills while the last one is read.")
    session_timeout: Annotated[float, Field(ge=6)] = Field(10.0, description="Seconds without a heartbeat until Kafka hands a worker's partitions to another.")
    commit_interval: Seconds = Field(0.5, description="Seconds between offset commits.")
    retry_max_wait: Seconds = Field(15.0, description="Longest pause between two tries while Redis or Kafka is down.")
    stall_seconds: Annotated[float, Field(ge=0)] = Field(
        120.0, description="A worker starts itself anew when comments wait and for so long nothing has moved, although Redis and Kafka are there; 0: never."
    )
    model: str = Field(
        "builtin",
        description="The scorer: builtin (the shipped ONNX model), onnx:FOLDER, detoxify:NAME or detoxify:FOLDER (a Detoxify checkpoint for toxicity, "
        "the shipped model for incitement), fake (for tests: no model) or fake:broken (one that refuses everything).",
    )
    reference: Path | None = Field(
        None,
        description="How the model's scores lay once (`moderation model reference`), for moderation_score_psi; reference.json beside the model when unset.",
    )
    model_cache: Path = Field(Path("~/.cache/moderation"), description="Folder for models made from Detoxify checkpoints, so that each is made once.")
    cached_texts: int = Field(20_000, ge=0, description="Texts whose scores are remembered, so that a text that comes again costs nothing; 0: none.")
    threads: int = Field(0, ge=0, description="Threads of the model; 0 means one per core.")
    policy: Path | None = Field(None, description="The policy file; the default policy that ships when unset.")
    metrics_host: str = Field("127.0.0.1", description="Address of /metrics, /livez and /readyz.")
    metrics_port: Port = Field(9108, description="Port of /metrics, /livez and /readyz; 0 picks a free one.")
    web_host: str = Field("127.0.0.1", description="Address of the web app: console, login and JSON API.")
    web_port: Port = Field(8080, description="Port of the web app; 0 picks a free one.")
    web_cookies: Literal["auto", "secure", "plain"] = Field(
        "auto", description="Whether browsers send the session over TLS only: secure, plain, or auto (plain only when the web app listens on loopback)."
    )
    web_proxies: str | None = Field(
        None, min_length=1, description="Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, separated by commas; none when unset."
    )
    session_idle_minutes: Annotated[float, Field(gt=0)] = Field(120.0, description="Minutes without a request after which a login ends.")
    session_hours: Annotated[float, Field(gt=0)] = Field(12.0, description="Hours after which a login ends, however busy it is.")
    login_tries: int = Field(5, ge=1, description="Wrong passwords for a name until it is locked; ten times as many for an address.")
    login_lock_minutes: Annotated[float, Field(gt=0)] = Field(15.0, description="Minutes in which the wrong passwords count, and until the lock ends.")
    user_password: SecretStr | None = Field(None, description="The password for `moderation user add` and `moderation user passwd`, instead of asking.")
    queue_prefix: str = Field("moderation", pattern=r"^[A-Za-z0-9_.-]+$", description="Prefix of every Redis key.")
    lease_seconds: Seconds = Field(600.0, description="How long a moderator's claim lasts unless renewed.")
    undo_seconds: Annotated[float, Field(ge=0)] = Field(900.0, description="How long a verdict can be taken back; so long its text stays in Redis.")
    retention_days: Annotated[float, Field(gt=0)] = Field(
        30.0, description="Days a resolved or erased item is remembered (without text), so that late duplicates stay without effect."
    )
    queue_days: Annotated[float, Field(gt=0)] | None = Field(
        None, description="Days after which an item that nobody decided leaves the queue, and its text Redis; unset: it waits for ever."
    )
    audit_events: int = Field(1_000_000, ge=1000, description="About how many steps the audit keeps; the oldest go first.")
    audit_days: Annotated[float, Field(gt=0)] = Field(365.0, description="Days the audit keeps a step.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severe level that is logged.")
    log_format: Literal["json", "console"] = Field("json", description="One JSON object a line, or coloured text for people.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what load_settings hands over: no .env file, no second look at the environment."""
        return (init_settings,)

    @field_validator("kafka_url")
    @classmethod
    def _kafka_scheme(cls, value: str) -> str:
        scheme, _, rest = value.rpartition("://")
        if "@" in rest:
            raise ValueError("user and password do not go here; set MODERATION_KAFKA_USERNAME and MODERATION_KAFKA_PASSWORD")
        if scheme not in {"", "kafka"} or not rest or not all(_is_address(part) for part in rest.split(",")):
            raise ValueError("expected kafka://host:port[,host:port…]")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().partition("://")[0] not in _REDIS_SCHEMES or "://" not in value.get_secret_value():
            raise ValueError(f"expected {', '.join(f'{scheme}://' for scheme in _REDIS_SCHEMES)}")
        return value

    @field_validator("model")
    @classmethod
    def _known_model(cls, value: str) -> str:
        kind, _, which = value.partition(":")
        if value not in {"builtin", "fake", "fake:broken"} and not (kind in {"onnx", "detoxify"} and which):
            raise ValueError("expected builtin, onnx:FOLDER, detoxify:NAME, detoxify:FOLDER, fake or fake:broken")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := list(faults(self.model_dump(), self.redis_url.get_secret_value().partition("://")[0])):
            raise ValueError("; ".join(found))
        return self

    @property
    def kafka_servers(self) -> list[str]:
        """Broker addresses, host:port."""
        return self.kafka_url.rpartition("://")[2].split(",")

    @property
    def secrets(self) -> list[str]:
        """What must not be seen anywhere: the secret settings, and the passwords in URLs, as they are written and as they are meant."""
        given = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        passwords = [urlsplit(url).netloc.rpartition("@")[0].partition(":")[2] for url in given if "://" in url]
        return [secret for secret in {*given, *passwords, *map(unquote, passwords)} if secret]


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings in the environment. Raises ConfigurationError naming each wrong variable."""
    given = os.environ if environ is None else environ
    names = {f"{PREFIX}{field}".upper() for field in Settings.model_fields}
    unknown = sorted(n for n in given if n.upper().startswith(PREFIX) and n.upper() not in names | _FOR_TESTS)
    if unknown:
        raise ConfigurationError(f"{', '.join(unknown)}: no such setting (docs/settings.md lists them)")
    values = {n.upper().removeprefix(PREFIX).lower(): v for n, v in given.items() if n.upper() in names}
    try:
        return Settings(**values)  # type: ignore[arg-type]  # pydantic parses the strings
    except ValidationError as error:
        wrong = [_described(e["loc"], e["msg"]) for e in error.errors(include_input=False, include_url=False)]
        raise ConfigurationError("; ".join(wrong)) from None


def _described(where: tuple[int | str, ...], what: str) -> str:
    """A fault with its variable; what concerns several settings at once names them itself."""
    return f"{PREFIX}{str(where[0]).upper()}: {what}" if where else what.removeprefix("Value error, ")


def _is_address(part: str) -> bool:
    host, _, port = part.rpartition(":")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536
