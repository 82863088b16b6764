"""A throw-away authority, and what it vouches for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

from quote_core.settings import PlatformSettings

HERE: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Issued:
    """Files, as settings name them."""

    certificate: Path
    key: Path


class Authority:
    """One; its files are below `folder`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self.path = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.path)

    def issue(self, name: str, *identities: str) -> Issued:
        """A certificate of this common name, in place of one that was there."""
        issued = self._ca.issue_cert(*(identities or HERE), common_name=name)
        files = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        files.key.touch(0o600)
        issued.private_key_pem.write_to_path(files.key)
        files.certificate.write_bytes(b"".join(part.bytes() for part in issued.cert_chain_pems))
        return files


def serving_with(issued: Issued, **more: object) -> PlatformSettings:
    """Settings of a server."""
    values = {"tls_certificate": issued.certificate, "tls_key": issued.key, **more}
    return PlatformSettings.model_validate(values)
