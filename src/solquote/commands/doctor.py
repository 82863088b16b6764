"""`solquote doctor`: check every setting and connection, and say how to mend what is wrong."""

import contextlib

from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.lean_libraries import load_bus_libraries

__all__ = ["doctor"]


def doctor(*, timeout: Timeout = 3.0, data_dir: DataDir = None, as_json: Json = False) -> int:
    """Check every setting and connection; exit 1 when anything fails."""
    load_bus_libraries()
    from quote_core.rpc_addresses import RpcRole  # noqa: PLC0415  # loaded for the call only
    from quote_core.settings import PlatformSettings, SettingsError  # noqa: PLC0415  # the same
    from solquote.first_slot import FirstSlot  # noqa: PLC0415  # the same

    first_slots = None
    with contextlib.suppress(SettingsError):  # which the diagnosis tells
        nodes = PlatformSettings.load(environ=found_environment(data_dir)).rpc_addresses()
        first_slots = {
            node.number: FirstSlot(node.ws_url, timeout_s=timeout) for node in nodes if RpcRole.SUBSCRIBE in node.roles
        }
    from solquote.diagnosis import diagnose  # noqa: PLC0415  # all else that can be asked is loaded here, meanwhile

    return diagnose(data_dir, first_slots, timeout_s=timeout, as_json=as_json)
