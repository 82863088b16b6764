"""Which pools trade far more than they used to: a window's volume against those before it. Does no I/O.

Median and median absolute deviation, which a spike among the windows before hardly moves (Hampel's identifier): a
volume is a spike above `median + limit * 1.4826 * MAD` and at least twice the median. 1.4826 makes the MAD of a normal
distribution its standard deviation. Volumes are of mint A, both ways together, in smallest units.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median_low
from typing import Final

from quote_core.units import Pubkey

__all__ = ["WINDOWS_KEPT", "WINDOWS_MIN", "Spike", "VolumeWindows", "spike_of"]

WINDOWS_KEPT: Final = 30
"""How many windows of a pool are compared with."""
WINDOWS_MIN: Final = 10
"""With fewer than these nothing is usual yet."""
_MAD_TO_SIGMA: Final = 1.4826
_TIMES_MEDIAN_MIN: Final = 2
"""Where windows before were all alike the deviation is 0, and anything would be a spike."""


@dataclass(frozen=True, slots=True)
class Spike:
    """A window's volume with what was usual before it; medians are of the lower of two in the middle."""

    pool_id: Pubkey
    volume_amount: int
    usual_amount: int
    deviation_amount: int
    window_count: int


@dataclass(slots=True)
class _PoolVolumes:
    now_amount: int = 0
    before: deque[int] = field(default_factory=lambda: deque(maxlen=WINDOWS_KEPT))


class VolumeWindows:
    """Volumes of every pool that has traded, in windows that begin and end together.

    Args:
        window_ns: How long a window is.
        limit: How many deviations above the median a spike begins.
    """

    def __init__(self, *, window_ns: int, limit: float) -> None:
        self._window_ns = window_ns
        self._limit = limit
        self._ends_mono_ns: int | None = None
        self._pools: dict[Pubkey, _PoolVolumes] = {}

    def __len__(self) -> int:
        return len(self._pools)

    def add(self, pool_id: Pubkey, amount: int) -> None:
        """A trade in the window that is open."""
        self._pools.setdefault(pool_id, _PoolVolumes()).now_amount += amount

    def forget(self, pool_id: Pubkey) -> None:
        """The pool was let go."""
        self._pools.pop(pool_id, None)

    def close_due(self, now_mono_ns: int) -> Iterator[Spike]:
        """End the window that is over, and give its spikes; windows that nobody looked at had no trades told."""
        if self._ends_mono_ns is None:
            self._ends_mono_ns = now_mono_ns + self._window_ns
            return
        if now_mono_ns < self._ends_mono_ns:
            return
        self._ends_mono_ns = now_mono_ns + self._window_ns
        for pool_id, volumes in self._pools.items():
            amount, volumes.now_amount = volumes.now_amount, 0
            spike = spike_of(pool_id, amount, tuple(volumes.before), limit=self._limit)
            volumes.before.append(amount)
            if spike is not None:
                yield spike


def spike_of(pool_id: Pubkey, amount: int, before: tuple[int, ...], *, limit: float) -> Spike | None:
    """Whether a window's volume is a spike among those before it."""
    if not amount or len(before) < WINDOWS_MIN:
        return None
    usual = median_low(before)
    deviation = median_low(abs(one - usual) for one in before)
    if amount < _TIMES_MEDIAN_MIN * usual or amount - usual <= limit * _MAD_TO_SIGMA * deviation:
        return None
    return Spike(pool_id, amount, usual, deviation, len(before))
