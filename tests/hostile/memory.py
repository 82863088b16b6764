"""Resident memory of the service through all faults: it stays flat.

Measured when a fault is over and the node healthy again, so that what a fault needs for the moment does not count, and
what it leaves behind does. Stores that fill up on purpose would hide a leak and be taken for one: the evidence of
quotes, 128 MiB as delivered, is full after some 4,000 slots. The campaign makes them so small that they are full when
the first measure is taken (`SMALL_STORES`); that a full one stays within its bound is tested where it is written.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["SMALL_STORES", "MemoryLedger", "resident_bytes"]

MIB: Final = 1 << 20
SMALL_STORES: Final = {
    "evidence_bytes_max": str(2 * MIB),
    "evidence_version_count_max": "5000",
    "evidence_route_count_max": "500",
}
"""Settings of the service: some 70 slots of evidence."""
GROWTH_BYTES_MAX: Final = 24 * MIB
"""Over what it was after the start, a quarter of it: each fault is met for the first time, and the allocator keeps room
for the largest answer."""
LATER_GROWTH_BYTES_MAX: Final = 6 * MIB
"""Over the most of the first round, once every fault was there: nothing is new any more."""


@dataclass(slots=True)
class MemoryLedger:
    """Measures in the order taken."""

    warm_bytes: int = 0
    """After warm-up, before the first fault."""
    first_round: list[int] = field(default_factory=list)
    later: list[int] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """What was promised and is not so; empty when memory stays flat."""
        found = []
        grown = max([*self.first_round, *self.later], default=self.warm_bytes) - self.warm_bytes
        if grown > GROWTH_BYTES_MAX:
            found.append(f"grew by {grown / MIB:.1f} MiB over the start, allowed are {GROWTH_BYTES_MAX / MIB:.0f}")
        grown = max(self.later, default=0) - max(self.first_round, default=0)
        if self.later and grown > LATER_GROWTH_BYTES_MAX:
            found.append(
                f"grew by {grown / MIB:.1f} MiB over the first round, allowed are {LATER_GROWTH_BYTES_MAX / MIB:.0f}"
            )
        return found


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, as the kernel counts it page by page; 0 when there is no such process."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss:"))
