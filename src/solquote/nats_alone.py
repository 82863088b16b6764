"""Loads NATS's client without aiohttp, which it would load for WebSockets; none of our settings can name one.

That is a fifth of what a command that asks the bus once takes, and of what a stop by way of the bus does.
"""

import sys
from typing import Final

__all__ = ["load_nats"]

_UNUSED: Final = "aiohttp"


def load_nats() -> None:
    """Load it, before anything imports it by its name. Whoever wants aiohttp afterwards gets it."""
    if "nats" in sys.modules or _UNUSED in sys.modules:
        return
    sys.modules[_UNUSED] = None  # type: ignore[assignment]  # how Python is told that a module cannot be had
    try:
        import nats.aio.client  # noqa: F401, PLC0415  # it does without where it is not installed
    finally:
        del sys.modules[_UNUSED]
