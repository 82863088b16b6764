"""Files for their owner alone, and how such a one is read.

A small one is replaced as one step: a reader finds the old content or the new one, also after a power failure.
"""

import contextlib
import glob
import os
import stat
from pathlib import Path

__all__ = ["NotOwnersAlone", "Replacement", "owner_alone", "read_owners_alone", "remove_abandoned", "replace_file"]


class NotOwnersAlone(Exception):
    """A file that holds a secret may be read by others; the message says how to mend it."""

    def __init__(self, path: Path, mode: int) -> None:
        super().__init__(f"{path} has mode {mode:04o}, so others may read it; chmod 600 it")
        self.path = path
        self.mode = mode


def read_owners_alone(path: Path, *, bytes_max: int) -> bytes:
    """The first `bytes_max` bytes of a file that its owner alone may read, as the open file itself says.

    One that root has given to our group to read is as good (0640): it is how Kubernetes mounts a secret for a user.

    Raises:
        NotOwnersAlone: Others may.
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        is_given_by_root = status.st_uid == 0 and os.geteuid() != 0
        if status.st_mode & (0o037 if is_given_by_root else 0o077):
            raise NotOwnersAlone(path, stat.S_IMODE(status.st_mode))
        return file.read(bytes_max)


def owner_alone(path: str, flags: int) -> int:
    """The `opener` of a file that, if this makes it, nobody but its owner may read."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


class Replacement:
    """New content on its way into a file's place, for who writes it piece by piece; one thread at a time uses it.

    A folder that is not there is made, mode 0700. Whoever does not come to `commit` calls `abandon`.

    Raises:
        OSError: Nothing can be written there; the old content is still there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scratch = path.with_name(f"{path.name}.{os.getpid()}")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._scratch.unlink(missing_ok=True)  # of a process of the same id that was killed
        descriptor = os.open(self._scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")

    def write(self, content: bytes) -> None:
        """Append.

        Raises:
            OSError: It could not be written; the old content is still there.
        """
        self._file.write(content)

    def commit(self, *, outlives_power_failure: bool = True) -> None:
        """Put what was written in the file's place, and return once the disk has it; see `replace_file`.

        Raises:
            OSError: It could not be written; the old content is still there.
        """
        self._file.flush()
        if outlives_power_failure:
            os.fsync(self._file.fileno())
        self._file.close()
        self._scratch.replace(self._path)
        if not outlives_power_failure:
            return
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def abandon(self) -> None:
        """Leave the old content where it is."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._scratch.unlink()


def remove_abandoned(path: Path) -> None:
    """Remove what processes that were killed left of their replacements of `path`; never fails."""
    with contextlib.suppress(OSError):
        for scratch in path.parent.glob(f"{glob.escape(path.name)}.*"):
            pid = scratch.name.removeprefix(f"{path.name}.")
            if pid.isdecimal() and not Path("/proc", pid).exists():
                scratch.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes, *, outlives_power_failure: bool = True) -> None:
    """Put `content` in place of what `path` holds, mode 0600, and return once the disk has it.

    A folder that is not there is made, mode 0700.

    Args:
        path: The file.
        content: All of it.
        outlives_power_failure: Unset for what is of no use after one: then nobody waits for the disk.

    Raises:
        OSError: It could not be written; the old content is still there.
    """
    replacement = Replacement(path)
    try:
        replacement.write(content)
        replacement.commit(outlives_power_failure=outlives_power_failure)
    except OSError:
        replacement.abandon()
        raise
