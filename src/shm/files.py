"""Where the files live and how one comes into being: complete under a temporary name, then named in one step.

A file that may be mapped is never truncated, resized or rewritten from outside: its readers would die of SIGBUS.
Place the directory on tmpfs. On a journalling file system write-back makes page faults in the writer.
"""

import os
import stat
import time
from pathlib import Path

from shm import lock
from shm.errors import DirectoryUnsafe
from shm.layout import Role

SERVICE_DIRECTORY = Path("/var/quote-service")
MEMORY_DIRECTORY = Path("/dev/shm")  # noqa: S108 - the tmpfs root; the table goes into a private directory below it
DIRECTORY_MODE = 0o750
FILE_MODE = 0o640
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OPEN_FLAGS = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


def default_directory() -> Path:
    """Directory the writer uses when none is configured; not created here."""
    if os.access(SERVICE_DIRECTORY, os.W_OK):
        return SERVICE_DIRECTORY
    return MEMORY_DIRECTORY / f"solquote-{os.getuid()}"


def find_directory() -> Path:
    """Directory a reader uses when none is configured: the service's where it holds a table, else its user's own.

    A reader may read the service's directory without being allowed to write there, which tells the two sides apart.
    """
    if os.access(SERVICE_DIRECTORY, os.X_OK) and any((SERVICE_DIRECTORY / role.file_name).exists() for role in Role):
        return SERVICE_DIRECTORY
    return default_directory()


def prepare_directory(directory: Path) -> None:
    """Make the directory if needed, for the writer.

    Raises:
        DirectoryUnsafe: It is somebody else's, or others may write there.
    """
    directory.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
    status = directory.stat()
    if status.st_uid != os.geteuid():
        raise DirectoryUnsafe(directory, f"belongs to user {status.st_uid}, this writer is user {os.geteuid()}")
    check_closed(directory, status)


def check_trusted(directory: Path, *, owner_uid: int | None = None) -> None:
    """Refuse a directory in which somebody else than its rightful owner could have put a table, for a reader.

    Its owner is the reader's own user, root, or `owner_uid`; or anybody whom only root could have given it to, because
    root owns the folder above and nobody else may write there. So `/dev/shm/solquote-1000`, which any local user can
    make first, is believed only if it is ours.

    Raises:
        DirectoryUnsafe: See above.
    """
    status = directory.stat()
    check_closed(directory, status)
    above = directory.resolve().parent.stat()
    is_given_by_root = above.st_uid == 0 and not above.st_mode & OTHERS_WRITE
    if status.st_uid not in (os.geteuid(), 0, owner_uid) and not is_given_by_root:
        raise DirectoryUnsafe(
            directory,
            f"belongs to user {status.st_uid}, who could feed forged quotes; name that owner if you trust them",
        )


def check_closed(directory: Path, status: os.stat_result) -> None:
    """Refuse what is no directory, or one that others than its owner may write.

    Raises:
        DirectoryUnsafe: See above.
    """
    if not stat.S_ISDIR(status.st_mode):
        raise DirectoryUnsafe(directory, "is not a directory")
    if status.st_mode & OTHERS_WRITE:
        raise DirectoryUnsafe(directory, "others than its owner may write there")


def create(path: Path, mode: int, size_bytes: int) -> tuple[int, Path]:
    """Create the file under a temporary name, at its full size and with its memory reserved.

    Returns:
        Its descriptor and temporary path.
    """
    for leftover in path.parent.glob(f".{path.name}.*"):
        remove_if_dead(leftover)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, OPEN_FLAGS | os.O_CREAT | os.O_EXCL, mode)
    try:
        os.fchmod(descriptor, mode)  # whatever the umask
        os.posix_fallocate(descriptor, 0, size_bytes)
    except BaseException:
        os.close(descriptor)
        temporary.unlink(missing_ok=True)
        raise
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
    """Open for writing; None when there is no such file.

    What stands in its place and cannot be a table (a symbolic link, a folder, a device) is moved aside first.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            path.rename(path.with_name(f"{path.name}.not-a-table.{time.time_ns()}"))
            return None
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
