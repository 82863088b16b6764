"""SIGHUP: what is read again when an operator says so. `process` hears it; who can change while running asks here."""

import contextlib
from collections.abc import Callable, Iterator

import structlog

__all__ = ["heeding_hangup", "hung_up"]

_heeding: list[Callable[[], None]] = []


@contextlib.contextmanager
def heeding_hangup(read_again: Callable[[], None]) -> Iterator[None]:
    """Call `read_again`, which raises nothing, at each SIGHUP while the context lasts."""
    _heeding.append(read_again)
    try:
        yield
    finally:
        _heeding.remove(read_again)


def hung_up() -> None:
    """One has come."""
    if not _heeding:
        structlog.get_logger().info("SIGHUP: nothing here is read again while it runs")
    for read_again in tuple(_heeding):
        read_again()
