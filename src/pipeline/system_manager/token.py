"""The secret that the kill switch's API asks for: in a file only its owner can read, never in arguments or logs."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from quote_core.access.access_file import KnownClient
from quote_core.access.scopes import Scope
from quote_core.files import NotOwnersAlone, read_owners_alone
from quote_core.settings import SecretStr, SettingsError, environment_name

__all__ = ["known_token", "load_or_make_token"]

TOKEN_BYTES: Final = 32
_VARIABLE: Final = environment_name("system_manager", "token_file")
TOKEN_CHARS_MIN: Final = 16
TOKEN_CHARS_MAX: Final = 4_096


def known_token(path: Path) -> Mapping[bytes, KnownClient]:
    """The token as the gate knows it, by its hash: named as its file, it allows everything, without limits.

    Raises:
        SettingsError: See `load_or_make_token`.
    """
    token = load_or_make_token(path).get_secret_value()
    client = KnownClient(f"token {path.name}", frozenset(Scope), is_counted=False)
    return {hashlib.sha256(token.encode()).digest(): client}


def load_or_make_token(path: Path) -> SecretStr:
    """Read the token; a file that is not there is made, mode 0600, with a random one.

    Raises:
        SettingsError: Somebody else may read the file, or it holds no usable token.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # the usual case: made by an earlier start, or by the operator
        _make(path)
    try:
        content = read_owners_alone(path, bytes_max=TOKEN_CHARS_MAX + 1)
    except NotOwnersAlone as error:
        raise SettingsError([f"{_VARIABLE}: {error}"]) from None
    token = content.decode("ascii", errors="replace").strip()
    if not TOKEN_CHARS_MIN <= len(token) <= TOKEN_CHARS_MAX or not token.isprintable():
        rule = f"must hold {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} printable characters"
        raise SettingsError([f"{_VARIABLE}: {path} {rule}"])
    return SecretStr(token)


def _make(path: Path) -> None:
    """Write beside it and link into place, so that nobody ever reads half a token, and the first of two wins."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(TOKEN_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(scratch, path)
    finally:
        scratch.unlink()
