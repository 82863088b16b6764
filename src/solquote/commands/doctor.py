"""`solquote doctor`: check every setting and connection, and say how to mend what is wrong."""

from solquote.commands.options import DataDir, Json, Timeout
from solquote.lean_libraries import load_bus_libraries

__all__ = ["doctor"]


def doctor(*, timeout: Timeout = 3.0, data_dir: DataDir = None, as_json: Json = False) -> int:
    """Check every setting and connection; exit 1 when anything fails."""
    load_bus_libraries()
    from solquote.diagnosis import diagnose  # noqa: PLC0415  # all that can be asked is loaded here

    return diagnose(data_dir, timeout_s=timeout, as_json=as_json)
