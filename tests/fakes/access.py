"""Who may ask, as tests say it: tokens, files of them, and servers that know them."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from quote_core.access.access_file import KnownClient
from quote_core.access.control import AccessControl
from quote_core.access.scopes import Scope
from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.settings import PlatformSettings


def digest_of(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def write_secret(path: Path, content: str) -> Path:
    """A file its owner alone may read, in place of what was there."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.write_text(content)
    scratch.chmod(0o600)
    return scratch.replace(path)


def write_access_file(path: Path, tokens: Mapping[str, str]) -> Path:
    """`tokens` are lines without the hash, such as `reader read`, by the token."""
    lines = []
    for token, line in tokens.items():
        name, scopes, *until = line.split()
        lines.append(" ".join([name, scopes, digest_of(token).hex(), *until]))
    return write_secret(path, "\n".join([*lines, ""]))


def control_with(token: str, *, name: str = "token the.token", clock: Clock = SYSTEM_CLOCK) -> AccessControl:
    """As the system manager has it: a token of its own, and no access file."""
    own = {digest_of(token): KnownClient(name, frozenset(Scope))}
    return AccessControl(PlatformSettings(), own=lambda: own, clock=clock)
