"""A process's name that outlives it: whoever comes after a crash, with the same file, is the same to all others.

The file is locked while its process lives, and the kernel gives the lock back however that ends. So whoever gets the
name knows that the one who had it before is no more.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["kept_name", "new_name"]

_NAME_BYTES: Final = 16


def new_name() -> str:
    """A name that nobody has: 32 hexadecimal digits."""
    return secrets.token_hex(_NAME_BYTES)


@contextlib.contextmanager
def kept_name(path: Path) -> Iterator[str]:
    """The name kept in a file, made if there is none; nobody else gets it while the context lasts.

    Raises:
        BlockingIOError: Another process has it now.
        OSError: The file cannot be made or read.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        name = file.read(2 * _NAME_BYTES + 1).decode("ascii", errors="replace").strip()
        if len(name) != 2 * _NAME_BYTES or not set(name) <= set("0123456789abcdef"):
            name = new_name()
            file.seek(0)
            file.truncate()
            file.write(name.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        yield name
