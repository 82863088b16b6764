"""Memory and descriptors of the platform's processes while they are loaded."""

import os
import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from quote_core.clock import SYSTEM_CLOCK
from quote_core.running.status import read_status

__all__ = ["Resources", "Sample", "watched"]

SAMPLES_PER_RUN: Final = 200
EVERY_S_MIN: Final = 1.0
WARM_UP_SHARE: Final = 0.2
"""Of the samples: buffers fill and caches are built, which is no growth."""
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one process: seconds since the first sample, resident bytes, open descriptors."""

    at_s: float
    resident_bytes: int
    descriptor_count: int


@dataclass(slots=True)
class Resources:
    """All samples, by process; one that was started anew counts on, and is told."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    restarts: int = 0
    _pids: dict[str, int] = field(default_factory=dict)

    def take(self, data_dir: Path, at_s: float) -> None:
        """One sample of each process that runs."""
        status = read_status(data_dir, clock=SYSTEM_CLOCK)
        for view in () if status is None else status.views:
            if view.pid is None:
                continue
            self.restarts += self._pids.get(view.name, view.pid) != view.pid
            self._pids[view.name] = view.pid
            with suppress(OSError):  # it has just ended
                self.samples.setdefault(view.name, []).append(_sample(view.pid, at_s))

    def memory_growth_percent(self) -> Mapping[str, float]:
        """By process: from the first fifth after warming up to the last one, in medians."""
        return {
            name: 100 * (end.resident_bytes / begin.resident_bytes - 1) for name, begin, end in self._begins_and_ends()
        }

    def descriptor_growth(self) -> Mapping[str, float]:
        """By process, likewise, in descriptors."""
        return {name: end.descriptor_count - begin.descriptor_count for name, begin, end in self._begins_and_ends()}

    def _begins_and_ends(self) -> Iterator[tuple[str, Sample, Sample]]:
        for name, samples in self.samples.items():
            warm = samples[int(len(samples) * WARM_UP_SHARE) :]
            part = max(1, len(warm) // 5)
            yield name, _median(warm[:part]), _median(warm[-part:])


@contextmanager
def watched(data_dir: Path, seconds: float) -> Iterator[Resources]:
    """Take samples until the context ends, as many as a chart shows."""
    resources = Resources()
    ending = threading.Event()
    every_s = max(EVERY_S_MIN, seconds / SAMPLES_PER_RUN)

    def take_all() -> None:
        began_s = time.monotonic()
        while not ending.is_set():
            resources.take(data_dir, time.monotonic() - began_s)
            ending.wait(every_s)

    thread = threading.Thread(target=take_all)
    thread.start()
    try:
        yield resources
    finally:
        ending.set()
        thread.join()


def _sample(pid: int, at_s: float) -> Sample:
    folder = Path("/proc") / str(pid)
    resident_pages = int((folder / "statm").read_text().split()[1])
    return Sample(at_s, resident_pages * _PAGE_BYTES, len(os.listdir(folder / "fd")))


def _median(samples: Sequence[Sample]) -> Sample:
    return Sample(
        samples[-1].at_s,
        int(statistics.median(sample.resident_bytes for sample in samples)),
        int(statistics.median(sample.descriptor_count for sample in samples)),
    )
