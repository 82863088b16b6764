"""The secret that the kill switch's API asks for: in a file only its owner can read, never in arguments or logs."""

import contextlib
import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import Final

from quote_core.settings import SecretStr, SettingsError, environment_name

__all__ = ["load_or_make_token", "token_matches"]

TOKEN_BYTES: Final = 32
_VARIABLE: Final = environment_name("system_manager", "token_file")
TOKEN_CHARS_MIN: Final = 16
TOKEN_CHARS_MAX: Final = 4_096


def load_or_make_token(path: Path) -> SecretStr:
    """Read the token; a file that is not there is made, mode 0600, with a random one.

    Raises:
        SettingsError: Somebody else may read the file, or it holds no usable token.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):  # the usual case: made by an earlier start, or by the operator
        _make(path)
    with path.open("rb") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise SettingsError([f"{_VARIABLE}: {path} has mode {mode:04o}, so others may read it; chmod 600 it"])
        token = file.read(TOKEN_CHARS_MAX + 1).decode("ascii", errors="replace").strip()
    if not TOKEN_CHARS_MIN <= len(token) <= TOKEN_CHARS_MAX or not token.isprintable():
        rule = f"must hold {TOKEN_CHARS_MIN} to {TOKEN_CHARS_MAX} printable characters"
        raise SettingsError([f"{_VARIABLE}: {path} {rule}"])
    return SecretStr(token)


def token_matches(expected: SecretStr, given: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(expected.get_secret_value().encode(), given.encode("utf-8", "surrogateescape"))


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
