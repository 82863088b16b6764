"""What our own clients show to our own servers: a token, a certificate, and whom they believe. Standard library only.

The token is read again when its file changes, at the next call: who replaces it need tell nobody. A file that is wrong
by then changes nothing.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from quote_core.files import NotOwnersAlone, read_owners_alone

if TYPE_CHECKING:
    import ssl

    from quote_core.settings import PlatformSettings

__all__ = ["Caller", "Unfit"]

_TOKEN_CHARS_MAX: Final = 4_096


class Unfit(Exception):
    """Something of it cannot be shown; the message names the setting and the file, and not what is in it."""


class Caller:
    """One client's side.

    Args:
        ca: Authorities that vouch for our servers (PEM), which are then asked over TLS; None = plain text.
        certificate: Shown to servers that ask for one (PEM), with its `key`.
        key: See `certificate`.
        token_file: The token; None shows none.

    Raises:
        Unfit: See there.
    """

    def __init__(
        self,
        *,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        token_file: Path | None = None,
    ) -> None:
        if (certificate is None) != (key is None):
            raise Unfit("SOLQUOTE_ASK_CERTIFICATE and SOLQUOTE_ASK_KEY go together")
        self._token_file = token_file
        self._token = ""
        self._token_seen: tuple[int, int, int] | None = None
        if token_file is not None:
            self._token_seen = _identity(token_file)
            self._token = _read_token(token_file)
        self.ca_pem = None if ca is None else _read(ca, "SOLQUOTE_ASK_CA")
        self.certificate_pem = None if certificate is None else _read(certificate, "SOLQUOTE_ASK_CERTIFICATE")
        self.key_pem = None if key is None else _read_alone(key, "SOLQUOTE_ASK_KEY")
        self.context = None if ca is None else _context(ca, certificate, key)
        """For `ssl`; None = plain text."""

    @classmethod
    def of(cls, settings: "PlatformSettings") -> "Caller":
        """As the settings have it.

        Raises:
            Unfit: See there.
        """
        return cls(
            ca=settings.ask_ca,
            certificate=settings.ask_certificate,
            key=settings.ask_key,
            token_file=settings.ask_token_file,
        )

    @property
    def scheme(self) -> str:
        """Of a URL."""
        return "http" if self.context is None else "https"

    def headers(self) -> Mapping[str, str]:
        """What says who asks, by the names of HTTP."""
        token = self._current()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The same in gRPC."""
        token = self._current()
        return (("authorization", f"Bearer {token}"),) if token else ()

    @property
    def shows_token(self) -> bool:
        """Whether calls need anything added."""
        return self._token_file is not None

    def _current(self) -> str:
        if self._token_file is not None and (seen := _identity(self._token_file)) != self._token_seen:
            try:
                self._token = _read_token(self._token_file)
                self._token_seen = seen
            except Unfit:
                pass  # it may be half replaced; the next call looks again
        return self._token


def _context(ca: Path, certificate: Path | None, key: Path | None) -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415  # a stop waits for it only where there is TLS

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cafile=ca)
    except (ssl.SSLError, ValueError, OSError):
        raise Unfit(f"SOLQUOTE_ASK_CA: {ca} holds no certificate (PEM)") from None
    if certificate is not None:
        try:
            context.load_cert_chain(certificate, key)
        except (ssl.SSLError, ValueError, OSError):
            raise Unfit(f"SOLQUOTE_ASK_CERTIFICATE: {certificate} and {key} do not fit") from None
    return context


def _read_token(path: Path) -> str:
    token = _read_alone(path, "SOLQUOTE_ASK_TOKEN_FILE")[: _TOKEN_CHARS_MAX + 1].decode("ascii", "replace").strip()
    if not token or len(token) > _TOKEN_CHARS_MAX or not token.isascii() or not token.isprintable():
        raise Unfit(f"SOLQUOTE_ASK_TOKEN_FILE: {path} must hold one line of printable ASCII characters")
    return token


def _read(path: Path, variable: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unfit(f"{variable}: {path}: {error.strerror}") from None


def _read_alone(path: Path, variable: str) -> bytes:
    try:
        return read_owners_alone(path, bytes_max=1024 * 1024)
    except NotOwnersAlone as error:
        raise Unfit(f"{variable}: {error}") from None
    except OSError as error:
        raise Unfit(f"{variable}: {path}: {error.strerror}") from None


def _identity(path: Path) -> tuple[int, int, int] | None:
    """What differs whenever the file was replaced or written."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
