"""How long the platform took, also on a machine that is busy with other things."""

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
    (`/proc/pressure`), all time counts.
    """

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._waited_s = _waited_s()

    @property
    def elapsed_s(self) -> float:
        passed_s = time.monotonic() - self._began_s
        waited_s = _waited_s() - self._waited_s
        return max(passed_s - waited_s, passed_s / BUSY_FACTOR_MAX)


def _waited_s() -> float:
    """Since the machine was started."""
    try:
        some = PRESSURE.read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(some.rpartition("total=")[2]) / _US_PER_S
