"""One supervisor a data folder: a locked file, which also tells the commands where the running platform is found.

The kernel gives the lock back when the process ends, however it ends. What the file says counts only while locked.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from quote_core.running.data_folder import LOCK_NAME, Running, running_platform

__all__ = ["DataFolderTaken", "take_data_folder"]

_SIZE_BYTES_MAX: Final = 64 * 1024
_TRIES_MAX: Final = 20
_TRY_AGAIN_S: Final = 0.01
"""A command that looks whether a platform runs holds the lock for a moment."""


class DataFolderTaken(Exception):
    """Another supervisor uses the data folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        who = "another process" if pid is None else f"process {pid}"
        super().__init__(f"solquote up already runs with the data folder {folder}, as {who}")
        self.folder = folder
        self.pid = pid


@contextlib.contextmanager
def take_data_folder(folder: Path, environment: Mapping[str, str]) -> Iterator[Running | None]:
    """Hold `folder` while the context lasts, and leave nothing of it behind; yields who was killed while holding it.

    Raises:
        DataFolderTaken: Somebody else holds it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / LOCK_NAME
    descriptor = _locked_after_all(path)
    if descriptor is None:
        running = running_platform(folder)
        raise DataFolderTaken(folder, running.pid if running else None)
    try:
        killed = _killed(descriptor)
        content = json.dumps({"pid": os.getpid(), "environment": dict(environment)})
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, content.encode(), 0)
        yield killed
    finally:
        path.unlink(missing_ok=True)  # still locked: nobody else can have put another there
        os.close(descriptor)


def _killed(descriptor: int) -> Running | None:
    """Who left the file; one that ends in order removes it."""
    try:
        content = json.loads(os.pread(descriptor, _SIZE_BYTES_MAX, 0))
        return Running(int(content["pid"]), dict(content["environment"]))
    except (ValueError, TypeError, LookupError):
        return None  # it is new, or damaged


def _locked_after_all(path: Path) -> int | None:
    """As `_locked`, and not kept out by who only looks."""
    for _ in range(_TRIES_MAX):
        descriptor = _locked(path)
        if descriptor is not None or running_platform(path.parent) is not None:
            return descriptor
        time.sleep(_TRY_AGAIN_S)
    return None


def _locked(path: Path) -> int | None:
    """Open and lock; None when somebody else holds it."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.close(descriptor)  # removed between our open and our lock: the name means another file now
