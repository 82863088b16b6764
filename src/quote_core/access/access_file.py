"""The tokens a server knows: a file of lines, with hashes in place of tokens.

    # name      scopes      sha256 of the token                                               until (optional)
    scanner-1   read        9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    operator    read,admin  60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752  2027-01-01T00:00:00Z

`uncounted` among the scopes frees a client of all limits: the platform's own processes are clients of each other.
A name may have several lines: a token is replaced by adding the new one, giving it out, and taking the old line away.
One plain SHA-256 is enough for a token of 32 random bytes, which nobody finds by trying; it is not for passwords.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from quote_core.access.scopes import Scope
from quote_core.files import NotOwnersAlone, read_owners_alone
from quote_core.settings import PlatformSettings, SettingsError, environment_name
from quote_core.units import NS_PER_S

__all__ = ["KnownClient", "read_access_file"]

_VARIABLE: Final = environment_name(PlatformSettings.section, "access_file")
_BYTES_MAX: Final = 4 * 1024 * 1024
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_UNCOUNTED: Final = "uncounted"
_SCOPES: Final = {scope.value: scope for scope in Scope}


@dataclass(frozen=True, slots=True)
class KnownClient:
    """Whose a token is, and what it allows."""

    name: str
    """As refusals and the audit have it: `token NAME`."""
    scopes: frozenset[Scope]
    until_unix_ns: int | None = None
    """The token is none any more from then on."""
    is_counted: bool = True
    """Whether limits of clients are its limits; unset for the platform's own processes."""


def read_access_file(path: Path) -> Mapping[bytes, KnownClient]:
    """The clients, by the SHA-256 of their token.

    Raises:
        SettingsError: Others may read the file, it cannot be read, or has a line that is none: each, by its number, and
            without a word of it.
    """
    try:
        content = read_owners_alone(path, bytes_max=_BYTES_MAX + 1)
    except NotOwnersAlone as error:
        raise SettingsError([f"{_VARIABLE}: {error}"]) from None
    except OSError as error:
        raise SettingsError([f"{_VARIABLE}: {path}: {error.strerror}"]) from None
    if len(content) > _BYTES_MAX:
        raise SettingsError([f"{_VARIABLE}: {path} is longer than {_BYTES_MAX} bytes"])
    clients: dict[bytes, KnownClient] = {}
    mistakes: list[str] = []
    for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            digest, client = _client_of(words)
            if digest in clients:
                raise ValueError("has the token of another line")
            clients[digest] = client
        except ValueError as error:
            mistakes.append(f"{_VARIABLE}: {path}, line {number}: {error}")
    if not clients and not mistakes:
        mistakes.append(f"{_VARIABLE}: {path} names no client, so nobody could ask")
    if mistakes:
        raise SettingsError(mistakes)
    return clients


def _client_of(words: list[str]) -> tuple[bytes, KnownClient]:
    match words:
        case [name, scopes, digest]:
            until = None
        case [name, scopes, digest, moment]:
            until = _unix_ns(moment)
        case _:
            raise ValueError("must be: name, scopes, sha256, and if it ends a moment")
    if not _NAME.fullmatch(name):
        raise ValueError("the name must be 1 to 64 letters, digits, dots, dashes and underscores")
    if not _DIGEST.fullmatch(digest.lower()):
        raise ValueError("the third word must be the token's SHA-256, 64 hexadecimal digits")
    words = scopes.split(",")
    allowed = frozenset(_SCOPES[word] for word in words if word in _SCOPES)
    if not allowed or not all(word in _SCOPES or word == _UNCOUNTED for word in words):
        raise ValueError(f"scopes must be of {', '.join(_SCOPES)}, and {_UNCOUNTED}, with commas between them")
    return bytes.fromhex(digest), KnownClient(f"token {name}", allowed, until, is_counted=_UNCOUNTED not in words)


def _unix_ns(moment: str) -> int:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError:
        raise ValueError("the moment must be ISO 8601, such as 2027-01-01T00:00:00Z") from None
    return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()) * NS_PER_S
