"""The users of a NATS server in its own terms: a key for each role, made once, and what that role may do.

Every role of `quote_core.bus.permissions` is a user with an nkey of its own; nobody else is let in. The configuration
holds public keys only. The users stay in the server's global account, where the streams of earlier versions are.
"""

import contextlib
import json
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from quote_core.bus.nkey import UserKey
from quote_core.bus.permissions import GRANTS, BusRole, Permissions, permissions_of
from quote_core.errors import InvalidField

__all__ = ["authorization", "kept_secret", "made_keys", "quoted", "write_private"]

_SECRET_BYTES_MAX: Final = 128


def made_keys(folder: Path) -> dict[BusRole, str]:
    """The public nkey of each role; its secret is in a file of the role's name in `folder`, made if it is not there.

    A secret that others could read, or that is damaged, is replaced.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return {role: _key(folder / role.value).public for role in BusRole}


def _key(path: Path) -> UserKey:
    with contextlib.suppress(InvalidField):
        return UserKey(kept_secret(path))
    seed = UserKey.new_seed()
    write_private(path, seed + "\n")
    return UserKey(seed)


def kept_secret(path: Path) -> str:
    """The one line that a file of ours alone holds; empty when there is no such file, or others could read it."""
    with contextlib.suppress(FileNotFoundError, UnicodeDecodeError), path.open("rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_IMODE(status.st_mode) & 0o077 and status.st_uid == os.getuid():
            return file.read(_SECRET_BYTES_MAX).decode("ascii").strip()
    return ""


def write_private(path: Path, text: str) -> None:
    """Replace the file as one step; nobody but its owner could read it at any time."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.fsencode(text))  # a path's own bytes, whatever the locale
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def authorization(public_nkeys: Mapping[BusRole, str]) -> Iterator[str]:
    """The lines of a server's configuration that let in the users, and say what each may publish and hear."""
    yield from ("authorization {", "  users: [")
    for grant in GRANTS:
        yield _user(public_nkeys[grant.role], permissions_of(grant))
    yield from ("  ]", "}")


def _user(public_nkey: str, permissions: Permissions) -> str:
    return (
        f"    {{ nkey: {public_nkey}, permissions: {{ publish: {_list(permissions.publish)}, "
        f"subscribe: {_list(permissions.subscribe)} }} }}"
    )


def _list(subjects: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted, subjects))}]"


def quoted(text: str) -> str:
    """A text as the server's configuration has it."""
    return json.dumps(text, ensure_ascii=False)  # the server's parser knows no \\u escapes
