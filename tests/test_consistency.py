"""Settings that contradict one another stop the start, and the fault names the variable."""

import pytest

from moderation.config import load_settings
from moderation.errors import ConfigurationError

SASL = {"KAFKA_SECURITY": "sasl_ssl", "KAFKA_SASL": "PLAIN", "KAFKA_USERNAME": "reader", "KAFKA_PASSWORD": "hunter2"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"KAFKA_USERNAME": "reader"}, "MODERATION_KAFKA_USERNAME: only with MODERATION_KAFKA_SECURITY=sasl_plaintext or sasl_ssl"),
        ({"KAFKA_SECURITY": "ssl", "KAFKA_PASSWORD": "hunter2"}, "MODERATION_KAFKA_PASSWORD: only with"),
        ({**SASL, "KAFKA_SECURITY": "plaintext"}, "MODERATION_KAFKA_SASL: only with"),
        ({"KAFKA_SECURITY": "sasl_ssl"}, "MODERATION_KAFKA_SASL: needed with MODERATION_KAFKA_SECURITY=sasl_ssl"),
        ({k: v for k, v in SASL.items() if k != "KAFKA_PASSWORD"}, "MODERATION_KAFKA_PASSWORD: needed with"),
        ({"KAFKA_CA_FILE": "ca.pem"}, "MODERATION_KAFKA_CA_FILE: only with MODERATION_KAFKA_SECURITY=ssl or sasl_ssl"),
        ({"KAFKA_SECURITY": "sasl_plaintext", "KAFKA_CA_FILE": "ca.pem"}, "MODERATION_KAFKA_CA_FILE: only with"),
        ({"KAFKA_SECURITY": "ssl", "KAFKA_CERT_FILE": "c.pem"}, "MODERATION_KAFKA_CERT_FILE: only together with MODERATION_KAFKA_KEY_FILE"),
        ({"KAFKA_SECURITY": "ssl", "KAFKA_KEY_FILE": "k.pem"}, "MODERATION_KAFKA_KEY_FILE: only together with MODERATION_KAFKA_CERT_FILE"),
        ({"KAFKA_SECURITY": "ssl", "KAFKA_KEY_PASSWORD": "hunter2"}, "MODERATION_KAFKA_KEY_PASSWORD: only with MODERATION_KAFKA_KEY_FILE"),
        ({"KAFKA_SECURITY": "tls"}, "MODERATION_KAFKA_SECURITY: Input should be 'plaintext', 'ssl'"),
        ({"KAFKA_SECURITY": "sasl_ssl", "KAFKA_SASL": "GSSAPI"}, "MODERATION_KAFKA_SASL: Input should be 'PLAIN'"),
        ({"REDIS_CA_FILE": "ca.pem"}, "MODERATION_REDIS_CA_FILE: only with MODERATION_REDIS_URL=rediss://"),
        ({"REDIS_URL": "rediss://r:1", "REDIS_KEY_FILE": "k.pem"}, "MODERATION_REDIS_KEY_FILE: only together with MODERATION_REDIS_CERT_FILE"),
        ({"REDIS_SENTINEL_PASSWORD": "hunter2"}, "MODERATION_REDIS_SENTINEL_PASSWORD: only with MODERATION_REDIS_URL=redis+sentinel://"),
    ],
)
def test_a_contradiction_names_the_variable_and_shows_no_secret(values: dict[str, str], expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_settings({f"MODERATION_{name}": value for name, value in values.items()})
    assert expected in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        SASL,
        {**SASL, "KAFKA_SECURITY": "sasl_plaintext"},
        {"KAFKA_SECURITY": "ssl"},
        {"KAFKA_SECURITY": "ssl", "KAFKA_CA_FILE": "a", "KAFKA_CERT_FILE": "b", "KAFKA_KEY_FILE": "c", "KAFKA_KEY_PASSWORD": "d"},
        {"REDIS_URL": "rediss+sentinel://r:1/s", "REDIS_CA_FILE": "a", "REDIS_SENTINEL_PASSWORD": "b"},
    ],
)
def test_what_goes_together_is_accepted(values: dict[str, str]) -> None:
    assert load_settings({f"MODERATION_{name}": value for name, value in values.items()})
