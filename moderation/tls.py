"""What secures a connection to Kafka or Redis: whom we trust, and who we are."""

import ssl
from pathlib import Path

from moderation.errors import ConfigurationError


def client_context(
    *, setting: str, ca_file: Path | None, cert_file: Path | None = None, key_file: Path | None = None, key_password: str = ""
) -> ssl.SSLContext:
    """A context that checks the server's certificate and name, and shows our certificate when there is one.

    Trusts the system's authorities when `ca_file` is None. `setting` is the settings' common beginning (MODERATION_KAFKA): raises
    ConfigurationError naming the one whose file is not there or not what it should be.
    """
    for part, path in (("CA", ca_file), ("CERT", cert_file), ("KEY", key_file)):
        if path is not None:
            _readable(f"{setting}_{part}_FILE", path)
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError:
        raise ConfigurationError(f"{setting}_CA_FILE: {ca_file} holds no certificate in PEM form") from None
    if cert_file is not None:
        try:
            # Never None: OpenSSL would ask for it on the terminal.
            context.load_cert_chain(cert_file, key_file, password=key_password)
        except ssl.SSLError as error:
            names = f"{setting}_CERT_FILE, {setting}_KEY_FILE"
            raise ConfigurationError(f"{names}: certificate and key in PEM form that belong together, and the key's password: {_said(error)}") from None
    return context


def _readable(name: str, path: Path) -> None:
    try:
        path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{name}: {path}: {error.strerror}") from None


def _said(error: ssl.SSLError) -> str:
    return (error.reason or "wrong password or not PEM").lower().replace("_", " ")
