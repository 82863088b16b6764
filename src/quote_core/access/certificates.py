"""What a server shows and asks for in TLS: files, read and tried together before any of them is used."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quote_core.files import NotOwnersAlone, read_owners_alone
from quote_core.settings import PlatformSettings, SettingsError, environment_name

__all__ = ["Certificates", "read_certificates"]

_BYTES_MAX: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Certificates:
    """A server's side of TLS, known to fit together."""

    certificate_pem: bytes
    """The chain, its own first."""
    key_pem: bytes = field(repr=False)
    client_ca_pem: bytes | None
    """Who may vouch for clients; None = clients need no certificate."""
    context: ssl.SSLContext = field(repr=False, compare=False)
    """The same for `ssl`."""


def read_certificates(platform: PlatformSettings) -> Certificates | None:
    """What the settings name; None without any.

    Raises:
        SettingsError: A file cannot be read, the key is not its owner's alone, or they do not fit together.
    """
    certificate, key, client_ca = platform.tls_certificate, platform.tls_key, platform.tls_client_ca
    if certificate is None or key is None:
        for field_name, value in (("tls_key", certificate), ("tls_certificate", key), ("tls_certificate", client_ca)):
            if value is not None:
                raise SettingsError([f"{_variable(field_name)}: a certificate, its key, and who vouches go together"])
        return None
    certificate_pem = _read("tls_certificate", certificate)
    key_pem = _read_key(key)
    client_ca_pem = None if client_ca is None else _read("tls_client_ca", client_ca)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (ssl.SSLError, ValueError, OSError) as error:
        reason = getattr(error, "reason", None) or type(error).__name__
        raise SettingsError([f"{_variable('tls_certificate')}: {certificate} and {key} do not fit: {reason}"]) from None
    if client_ca_pem is not None:
        try:
            context.load_verify_locations(cadata=client_ca_pem.decode("ascii", errors="replace"))
        except (ssl.SSLError, ValueError):
            raise SettingsError([f"{_variable('tls_client_ca')}: {client_ca} holds no certificate (PEM)"]) from None
        context.verify_mode = ssl.CERT_REQUIRED
    return Certificates(certificate_pem, key_pem, client_ca_pem, context)


def _variable(field_name: str) -> str:
    return environment_name(PlatformSettings.section, field_name)


def _read(field_name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_BYTES_MAX)
    except OSError as error:
        raise SettingsError([f"{_variable(field_name)}: {path}: {error.strerror}"]) from None


def _read_key(path: Path) -> bytes:
    try:
        return read_owners_alone(path, bytes_max=_BYTES_MAX)
    except NotOwnersAlone as error:
        raise SettingsError([f"{_variable('tls_key')}: {error}"]) from None
    except OSError as error:
        raise SettingsError([f"{_variable('tls_key')}: {path}: {error.strerror}"]) from None


def _no_password() -> str:
    """A key with a password would make OpenSSL ask on the terminal."""
    raise ValueError("the key has a password")
