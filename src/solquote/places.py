"""Whether the platform can be where the settings put it: folders it may write to, with room, and addresses it may bind.

`up` refuses to start with these sentences, and `doctor` says the same ones.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from quote_core.addresses import why_not_bound
from quote_core.settings import PlatformSettings, environment_name
from shm import DirectoryUnsafe
from shm.files import check_closed, default_directory
from shm.layout import FILE_BYTES, Role
from solquote.plan import PlatformModels, meant_listeners
from solquote.supervisor.nats_server import ROOM_BYTES_MIN, free_bytes

__all__ = ["misplaced"]

_ANY_PORT: Final = 0


def misplaced(models: PlatformModels) -> Iterator[str]:
    """A sentence for each place that cannot be had, which names the setting to mend."""
    data_dir, shm_dir = models.platform.data_folder(), (models.platform.shm_dir or default_directory()).absolute()
    for field, folder, need_bytes in (
        ("data_dir", data_dir, ROOM_BYTES_MIN),
        ("shm_dir", shm_dir, sum(FILE_BYTES for role in Role if not (shm_dir / role.file_name).exists())),
    ):
        fault = _folder_fault(folder, need_bytes)
        if fault:
            yield f"{environment_name(PlatformSettings.section, field)}: {fault}"
    if shm_dir.is_dir():
        yield from _not_safe(shm_dir)
    for variable, host in sorted({(one.host_variable, one.host) for one in meant_listeners(models)}):
        fault = why_not_bound(host, _ANY_PORT)
        if fault:
            yield f"{variable}: cannot listen on {host}: {fault}"


def _folder_fault(folder: Path, need_bytes: int) -> str:
    nearest = folder
    try:
        while not os.path.lexists(nearest):
            nearest = nearest.parent
        if not nearest.is_dir():
            return f"{nearest} is not a folder"
    except OSError as error:
        return f"{nearest}: {error.strerror}"
    if not os.access(nearest, os.W_OK | os.X_OK):
        return f"{nearest} may not be written to" + (f", so {folder} cannot be made" if nearest != folder else "")
    room_bytes = free_bytes(nearest)
    if room_bytes < need_bytes:
        return f"{folder} has {room_bytes // 1024} KiB free, and at least {need_bytes // 1024} KiB are needed"
    return ""


def _not_safe(shm_dir: Path) -> Iterator[str]:
    """What the writer of the quote files refuses."""
    status = shm_dir.stat()
    variable = environment_name(PlatformSettings.section, "shm_dir")
    if status.st_uid != os.geteuid():
        yield f"{variable}: {shm_dir} belongs to user {status.st_uid}, and this is user {os.geteuid()}"
    try:
        check_closed(shm_dir, status)
    except DirectoryUnsafe as error:
        yield f"{variable}: {error}"
