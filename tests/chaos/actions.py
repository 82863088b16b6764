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
    """Endless pairs: seconds to wait, and then what to do.

    Args:
        random: Of all that is drawn.
        names: Of the processes.
        foreign: The one that is no program of ours, and reads its clock where it cannot be stepped.
        with_disk: Whether the disk can be filled.
    """
    kinds = [kind for kind in _WEIGHTS if with_disk or kind is not DiskFull]
    weights = [_WEIGHTS[kind] for kind in kinds]
    while True:
        gap_s = random.uniform(*GAP_S)
        kind = random.choices(kinds, weights)[0]
        name = random.choice(names)
        if kind is Kill:
            yield gap_s, Kill(name)
        elif kind is Pause:
            yield gap_s, Pause(name, random.uniform(*PAUSE_S))
        elif kind is ClockStep:
            own = random.choice([one for one in names if one != foreign])
            yield gap_s, ClockStep(own, random.choice((0, *STEPS_S)))
        elif kind is DiskFull:
            yield gap_s, DiskFull(random.uniform(*DISK_FULL_S))
        else:
            yield gap_s, Halt(random.uniform(*HALT_S))
