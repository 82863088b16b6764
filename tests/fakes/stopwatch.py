"""How long the platform took, also on a machine that is busy with other things."""

import os
import time
from pathlib import Path
from typing import Final

PRESSURE: Final = Path("/proc/pressure/cpu")
BUSY_FACTOR_MAX: Final = 20
"""However busy the machine is, so much longer than promised is too long."""
_US_PER_S: Final = 1_000_000


class Stopwatch:
    """Time since it was made, but for that in which some process of this machine waited for a processor.

    The platform promises times to a machine that has room for it. Where the kernel does not tell of waiting
    (`/proc/pressure`), all time counts. What the process that is judged has computed itself always does: one that is at
    work without end keeps everybody else waiting.

    Args:
        judged_pid: The process that is to be ready in time; None where it is none, or several.
    """

    def __init__(self, judged_pid: int | None = None) -> None:
        self._began_s = time.monotonic()
        self._waited_s = _waited_s()
        self._judged_pid = judged_pid
        self._computed_s = _computed_s(judged_pid)

    @property
    def elapsed_s(self) -> float:
        passed_s = time.monotonic() - self._began_s
        waited_s = _waited_s() - self._waited_s
        computed_s = _computed_s(self._judged_pid) - self._computed_s
        return max(passed_s - waited_s, passed_s / BUSY_FACTOR_MAX, computed_s)


def _waited_s() -> float:
    """Since the machine was started."""
    try:
        some = PRESSURE.read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(some.rpartition("total=")[2]) / _US_PER_S


def _computed_s(pid: int | None) -> float:
    """Processor time of a process since it was started; none where there is no such process."""
    if pid is None:
        return 0.0
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
