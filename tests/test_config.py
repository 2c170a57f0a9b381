import pytest

from moderation.config import load_settings
from moderation.errors import ConfigurationError


def test_defaults_need_no_environment() -> None:
    found = load_settings({})
    assert found.kafka_servers == ["127.0.0.1:9092"]
    assert found.model == "builtin"


def test_variables_are_read_and_typed() -> None:
    found = load_settings({"MODERATION_KAFKA_URL": "kafka://a:1,b:2", "MODERATION_BATCH_SIZE": "8", "OTHER": "x"})
    assert found.kafka_servers == ["a:1", "b:2"]
    assert found.batch_size == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MODERATION_BATCH_SIZE", "many"),
        ("MODERATION_BATCH_SIZE", "0"),
        ("MODERATION_KAFKA_URL", "http://host:1"),
        ("MODERATION_KAFKA_URL", "kafka://host"),
        ("MODERATION_KAFKA_URL", "kafka://user:hunter2@host:1"),
        ("MODERATION_REDIS_URL", "localhost"),
        ("MODERATION_MODEL", "gpt"),
        ("MODERATION_MODEL", "onnx:"),
        ("MODERATION_METRICS_PORT", "99999"),
        ("MODERATION_LOG_LEVEL", "loud"),
        ("MODERATION_QUEUE_PREFIX", "a b"),
        ("MODERATION_LEASE_SECONDS", "-1"),
    ],
)
def test_a_wrong_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({name: value})
    assert name in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_an_unknown_variable_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError, match="MODERATION_KAFKA_ULR: no such setting"):
        load_settings({"MODERATION_KAFKA_ULR": "x"})


def test_secrets_do_not_show() -> None:
    secret = "redis://:hunter2@host:1/0"
    assert "hunter2" not in repr(load_settings({"MODERATION_REDIS_URL": secret}))
    with pytest.raises(ConfigurationError) as caught:
        load_settings({"MODERATION_REDIS_URL": "http://:hunter2@host"})
    assert "hunter2" not in str(caught.value)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings({}).group = "other"
