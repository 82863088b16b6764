"""Loads the libraries of a command that asks the bus without what they would load for uses that no command has.

| library   | would load     | for                                                         |
|-----------|----------------|-------------------------------------------------------------|
| nats      | aiohttp        | WebSockets; none of our settings can name one               |
| structlog | rich, colorama | tracebacks in colours, which our lines do not have; Windows |

That is a fourth of what a command that asks the bus once takes, and more of what a stop by way of the bus does.
"""

import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["load_bus_libraries"]

_UNUSED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"structlog": ("rich", "colorama"), "nats.aio.client": ("aiohttp",)}
)


def load_bus_libraries() -> None:
    """Load them, before anything imports them by name. Whoever wants afterwards what they do without gets it."""
    for library, unused in _UNUSED.items():
        if library not in sys.modules:
            _load_without(library, unused)


def _load_without(library: str, unused: tuple[str, ...]) -> None:
    loaded = {name: sys.modules[name] for name in unused if name in sys.modules}
    for name in unused:
        sys.modules[name] = None  # type: ignore[assignment]  # how Python is told that a module cannot be had
    try:
        importlib.import_module(library)  # it does without where they are not installed
    finally:
        for name in unused:
            del sys.modules[name]
        sys.modules.update(loaded)
