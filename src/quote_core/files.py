"""Files for their owner alone.

A small one is replaced as one step: a reader finds the old content or the new one, also after a power failure.
"""

import contextlib
import os
from pathlib import Path

__all__ = ["owner_alone", "replace_file"]


def owner_alone(path: str, flags: int) -> int:
    """The `opener` of a file that, if this makes it, nobody but its owner may read."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


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
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch.unlink(missing_ok=True)  # of a process of the same id that was killed
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if outlives_power_failure:
                file.flush()
                os.fsync(file.fileno())
        scratch.replace(path)
        if not outlives_power_failure:
            return
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise
