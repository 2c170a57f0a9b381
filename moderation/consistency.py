"""Which settings go together. Each fault names the variable to change."""

from collections.abc import Iterator, Mapping

_TLS = ("kafka_ca_file", "kafka_cert_file", "kafka_key_file", "kafka_key_password")
_SASL = ("kafka_sasl", "kafka_username", "kafka_password")
_REDIS_TLS = ("redis_ca_file", "redis_cert_file", "redis_key_file")


def faults(values: Mapping[str, object], redis_scheme: str) -> Iterator[str]:
    """What contradicts what in the settings; `values` are all of them by field name, None where unset."""
    yield from _kafka(values)
    yield from _redis(values, redis_scheme)


def _kafka(values: Mapping[str, object]) -> Iterator[str]:
    security = str(values["kafka_security"])
    if not security.endswith("ssl"):
        yield from (f"{_name(field)}: only with {_name('kafka_security')}=ssl or sasl_ssl" for field in _given(values, _TLS))
    if not security.startswith("sasl"):
        yield from (f"{_name(field)}: only with {_name('kafka_security')}=sasl_plaintext or sasl_ssl" for field in _given(values, _SASL))
    else:
        given = _given(values, _SASL)
        yield from (f"{_name(field)}: needed with {_name('kafka_security')}={security}" for field in _SASL if field not in given)
    yield from _pair(values, "kafka_cert_file", "kafka_key_file")
    if values["kafka_key_password"] is not None and values["kafka_key_file"] is None:
        yield f"{_name('kafka_key_password')}: only with {_name('kafka_key_file')}"


def _redis(values: Mapping[str, object], scheme: str) -> Iterator[str]:
    if not scheme.startswith("rediss"):
        yield from (f"{_name(field)}: only with {_name('redis_url')}=rediss://…" for field in _given(values, _REDIS_TLS))
    if not scheme.endswith("+sentinel") and values["redis_sentinel_password"] is not None:
        yield f"{_name('redis_sentinel_password')}: only with {_name('redis_url')}=redis+sentinel://…"
    yield from _pair(values, "redis_cert_file", "redis_key_file")


def _pair(values: Mapping[str, object], cert: str, key: str) -> Iterator[str]:
    for one, other in ((cert, key), (key, cert)):
        if values[one] is not None and values[other] is None:
            yield f"{_name(one)}: only together with {_name(other)}"


def _given(values: Mapping[str, object], fields: tuple[str, ...]) -> list[str]:
    return [field for field in fields if values[field] is not None]


def _name(field: str) -> str:
    return f"MODERATION_{field.upper()}"
