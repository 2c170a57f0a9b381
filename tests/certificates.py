"""An authority and certificates of a test's own, as files."""

from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat, load_pem_private_key


class Authority:
    """Signs certificates; `ca_file` is what others trust it by."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)

    def issue(self, name: str, password: str = "") -> tuple[Path, Path]:
        """A certificate for a host name or an address, and its key (PKCS #8, which Java wants), with a password when given."""
        leaf = self._ca.issue_cert(name)
        cert, key = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        protection = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        key.write_bytes(load_pem_private_key(leaf.private_key_pem.bytes(), None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection))
        return cert, key
