import ssl
from pathlib import Path

import pytest

from moderation.errors import ConfigurationError
from moderation.tls import client_context
from tests.certificates import Authority

SETTING = "MODERATION_KAFKA"


def test_the_server_is_checked_by_certificate_and_name(tmp_path: Path) -> None:
    for ca_file in (None, Authority(tmp_path).ca_file):
        context = client_context(setting=SETTING, ca_file=ca_file)
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def test_a_key_with_a_password_is_opened(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).issue("worker", "opensesame")
    assert client_context(setting=SETTING, ca_file=None, cert_file=cert, key_file=key, key_password="opensesame")


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_key_password_names_the_settings_and_asks_nobody(tmp_path: Path, password: str) -> None:
    cert, key = Authority(tmp_path).issue("worker", "opensesame")
    with pytest.raises(ConfigurationError, match="MODERATION_KAFKA_CERT_FILE, MODERATION_KAFKA_KEY_FILE") as caught:
        client_context(setting=SETTING, ca_file=None, cert_file=cert, key_file=key, key_password=password)
    assert "opensesame" not in str(caught.value)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, _ = authority.issue("worker")
    _, key = authority.issue("other")
    with pytest.raises(ConfigurationError, match="key values mismatch"):
        client_context(setting=SETTING, ca_file=None, cert_file=cert, key_file=key)


def test_a_file_that_is_not_there_or_not_pem_names_its_setting(tmp_path: Path) -> None:
    cert, key = Authority(tmp_path).issue("worker")
    (tmp_path / "text").write_text("hello")
    (tmp_path / "empty").write_text("")
    missing = tmp_path / "missing"
    with pytest.raises(ConfigurationError, match=r"MODERATION_KAFKA_CA_FILE: .*missing: No such file"):
        client_context(setting=SETTING, ca_file=missing)
    with pytest.raises(ConfigurationError, match=r"MODERATION_KAFKA_KEY_FILE: .*missing: No such file"):
        client_context(setting=SETTING, ca_file=None, cert_file=cert, key_file=missing)
    for name in ("text", "empty"):
        with pytest.raises(ConfigurationError, match="MODERATION_KAFKA_CA_FILE"):
            client_context(setting=SETTING, ca_file=tmp_path / name)
        with pytest.raises(ConfigurationError, match="MODERATION_KAFKA_CERT_FILE"):
            client_context(setting=SETTING, ca_file=None, cert_file=tmp_path / name, key_file=key)
