"""Whether the platform finds what the settings name: folders with room, files it can read, addresses it may bind.

`up` refuses to start with these sentences, and `doctor` says the same ones.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from aggregator.settings import too_few_entries
from local_quote.settings import LocalQuoteSettings
from pipeline.system_manager.settings import SystemManagerSettings
from pipeline.system_manager.token import load_or_make_token
from quote_core.access.exposure import why_exposed
from quote_core.access.own_calls import check_own_calls
from quote_core.addresses import why_not_bound
from quote_core.bus import BusRole, access_of
from quote_core.errors import SolquoteError
from quote_core.settings import PlatformSettings, SettingsError, environment_name
from quote_core.tokens import load_tokens
from shm import DirectoryUnsafe
from shm.files import check_closed, default_directory
from shm.layout import Role, TableCounts
from solquote.plan import PlatformModels, meant_listeners
from solquote.processes import SettingName
from solquote.supervisor.nats_server import ROOM_BYTES_MIN, free_bytes

__all__ = ["misplaced"]

_ANY_PORT: Final = 0
_ASKING: Final = (SettingName("platform", "host"), SettingName("system_manager", "http_host"))
"""Whose listeners can ask who somebody is; the others are warned of."""


def misplaced(models: PlatformModels) -> Iterator[str]:
    """A sentence for each place that cannot be had, which names the setting to mend."""
    yield from _unreadable(models)
    local_quote = models.services[LocalQuoteSettings.section]
    assert isinstance(local_quote, LocalQuoteSettings)
    yield from local_quote.too_low(models.platform.shm_entry_count)
    data_dir, shm_dir = models.platform.data_folder(), (models.platform.shm_dir or default_directory()).absolute()
    for field, folder, need_bytes in (
        ("data_dir", data_dir, ROOM_BYTES_MIN),
        ("shm_dir", shm_dir, _new_file_bytes(models.platform, shm_dir)),
    ):
        fault = _folder_fault(folder, need_bytes)
        if fault:
            yield f"{environment_name(PlatformSettings.section, field)}: {fault}"
    if shm_dir.is_dir():
        yield from _not_safe(shm_dir)
    told = {one.host_variable: one for one in meant_listeners(models) if one.host_setting is not None}
    for variable, one in sorted(told.items()):
        fault = why_not_bound(one.host, _ANY_PORT)
        if fault:
            yield f"{variable}: cannot listen on {one.host}: {fault}"
        elif one.host_setting in _ASKING and (fault := why_exposed(models.platform, one.host, variable=variable)):
            yield fault


def _new_file_bytes(platform: PlatformSettings, shm_dir: Path) -> int:
    """What the quote files that will be made take: those that are there and of this size are taken over."""
    size_bytes = TableCounts(platform.shm_entry_count, platform.shm_slot_count).file_bytes
    paths = [shm_dir / role.file_name for role in Role]
    return sum(size_bytes for path in paths if not path.exists() or path.stat().st_size != size_bytes)


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


def _unreadable(models: PlatformModels) -> Iterator[str]:
    platform, manager = models.platform, models.services["system_manager"]
    assert isinstance(manager, SystemManagerSettings)
    try:
        pair_count = len(load_tokens(platform.tokens_path).pairs)
    except SolquoteError as error:
        yield f"{environment_name(platform.section, 'tokens_path')}: {error}"
    else:
        if too_few := too_few_entries(platform, pair_count=pair_count):
            yield too_few
    mistakes: list[str] = []
    try:
        check_own_calls(platform)
    except SettingsError as error:
        mistakes += error.mistakes
    try:
        if manager.token_path(platform).exists():  # else the manager makes it
            load_or_make_token(manager.token_path(platform))
    except SettingsError as error:
        mistakes += error.mistakes
    except OSError:
        pass  # somebody else's: told of its folder
    if models.is_given(SettingName(platform.section, "nats_url")):  # the embedded server's are made for it
        for role in BusRole:
            try:
                access_of(platform, role).client_options(platform.nats_url)
            except SettingsError as error:
                mistakes += error.mistakes
    yield from dict.fromkeys(mistakes)


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
