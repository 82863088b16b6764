"""What is done to the platform, as data, drawn from a seed. Nothing here touches a process."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

__all__ = ["Action", "ClockStep", "DiskFull", "Halt", "Kill", "Pause", "draw"]

PAUSE_S: Final = (0.3, 10.0)
DISK_FULL_S: Final = (1.0, 6.0)
HALT_S: Final = (2.0, 8.0)
STEPS_S: Final = (-86_400, -3_600, -61, -2, 2, 61, 3_600, 86_400)
GAP_S: Final = (0.5, 8.0)
"""Long enough on average for trading to begin again: where nothing is traded nothing can be lost."""


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL, as a crash or the kernel out of memory."""

    name: str


@dataclass(frozen=True, slots=True)
class Pause:
    """SIGSTOP, and SIGCONT later, as a machine that swaps or is migrated."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock of one process goes to so many seconds beside the true time; 0 sets it right."""

    name: str
    seconds: int


@dataclass(frozen=True, slots=True)
class DiskFull:
    """No byte more can be written to the data folder."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Halt:
    """The kill switch, by the command line, and the release after it."""

    seconds: float


Action = Kill | Pause | ClockStep | DiskFull | Halt

_WEIGHTS: Final = {Kill: 35, Pause: 20, ClockStep: 15, DiskFull: 10, Halt: 20}


def draw(random: Random, names: tuple[str, ...], *, foreign: str, with_disk: bool) -> Iterator[tuple[float, Action]]:
    """Endless pairs: seconds to wait, and then what to do. Each kind comes once before any comes again.

    Args:
        random: Of all that is drawn.
        names: Of the processes.
        foreign: The one that is no program of ours, and reads its clock where it cannot be stepped.
        with_disk: Whether the disk can be filled.
    """
    kinds = [kind for kind in _WEIGHTS if with_disk or kind is not DiskFull]
    weights = [_WEIGHTS[kind] for kind in kinds]
    for kind in random.sample(kinds, len(kinds)):
        yield random.uniform(*GAP_S), _drawn(kind, random, names, foreign)
    while True:
        yield random.uniform(*GAP_S), _drawn(random.choices(kinds, weights)[0], random, names, foreign)


def _drawn(kind: type[Action], random: Random, names: tuple[str, ...], foreign: str) -> Action:
    if kind is Kill:
        return Kill(random.choice(names))
    if kind is Pause:
        return Pause(random.choice(names), random.uniform(*PAUSE_S))
    if kind is ClockStep:
        return ClockStep(random.choice([name for name in names if name != foreign]), random.choice((0, *STEPS_S)))
    if kind is DiskFull:
        return DiskFull(random.uniform(*DISK_FULL_S))
    return Halt(random.uniform(*HALT_S))
