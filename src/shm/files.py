"""Where the files live and how one comes into being: complete under a temporary name, then named in one step.

A file that may be mapped is never truncated, resized or rewritten from outside: its readers would die of SIGBUS.
Place the directory on tmpfs. On a journalling file system write-back makes page faults in the writer.
"""

import os
import stat
from pathlib import Path

from shm import lock
from shm.errors import DirectoryUnsafe
from shm.layout import FILE_BYTES

SERVICE_DIRECTORY = Path("/var/quote-service")
MEMORY_DIRECTORY = Path("/dev/shm")  # noqa: S108 - the tmpfs root; the table goes into a private directory below it
DIRECTORY_MODE = 0o750
FILE_MODE = 0o640
OPEN_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


def default_directory() -> Path:
    """Directory both sides use when none is configured; not created here."""
    if os.access(SERVICE_DIRECTORY, os.W_OK):
        return SERVICE_DIRECTORY
    return MEMORY_DIRECTORY / f"solquote-{os.getuid()}"


def prepare_directory(directory: Path) -> None:
    """Make the directory if needed, for the writer.

    Raises:
        DirectoryUnsafe: Anybody could put a file there.
    """
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    if directory.stat().st_mode & stat.S_IWOTH:
        raise DirectoryUnsafe(directory, "anybody can write there")


def create(path: Path, mode: int) -> tuple[int, Path]:
    """Create the file under a temporary name, at its full size and with its memory reserved.

    Returns:
        Its descriptor and temporary path.
    """
    for leftover in path.parent.glob(f".{path.name}.*"):
        remove_if_dead(leftover)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, mode)
    os.fchmod(descriptor, mode)  # whatever the umask
    os.posix_fallocate(descriptor, 0, FILE_BYTES)
    return descriptor, temporary


def remove_if_dead(temporary: Path) -> None:
    """Remove a file that was never named, unless the writer that makes it holds its lock."""
    descriptor = open_existing(temporary)
    if descriptor is None:
        return
    try:
        if not lock.is_held(descriptor):
            temporary.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def open_existing(path: Path) -> int | None:
    """Open for writing; None when there is no such file."""
    try:
        return os.open(path, OPEN_FLAGS)
    except FileNotFoundError:
        return None


def is_current(descriptor: int, path: Path) -> bool:
    """Whether the path still names the open file."""
    try:
        named = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(descriptor), named)


def name_new(temporary: Path, path: Path) -> bool:
    """Give a first file its name; False when another writer was quicker.

    A link refuses an existing name where a rename would replace it, so two writers that start together cannot both win.
    """
    try:
        path.hardlink_to(temporary)
    except (FileExistsError, FileNotFoundError):  # named by another, or taken for a leftover before it was locked
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True
