"""What reading the quote files costs on this machine, right now. `benchmarks/shm.py` is the thorough one, with peers.

Each figure is the median over rounds of a timed loop, so that a neighbour's burst does not count; it includes the
interpreter's call, as every user pays it. The first figure is an empty Python call, for comparison.
"""

import statistics
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from shm import QuoteReader

__all__ = ["Measure", "measure_reading"]

_ROUNDS: Final = 25
_ROUND_S: Final = 0.004
"""About this long a round: long against the clock's resolution, short against a scheduler's slice."""


@dataclass(frozen=True, slots=True)
class Measure:
    """Median cost of one call."""

    what: str
    p50_ns: float


def measure_reading(reader: QuoteReader) -> list[Measure]:
    """Measure every way to read, on the first valid quote where there is one; the empty call comes first."""
    first = next(iter(reader), None)
    measures = [Measure("empty call", _p50_ns(_nothing)), Measure("poll, nothing changed", _p50_ns(reader.poll))]
    if first is not None:
        handle = reader.handle(first.input_mint, first.output_mint, first.input_amount, role=first.role)
        measures += [
            Measure("truth of a handle", _p50_ns(handle.__bool__)),
            Measure("reused view of an entry", _p50_ns(lambda: reader.view(first.index))),
            Measure("frozen copy of a quote", _p50_ns(lambda: reader.quote(first.index))),
        ]
    measures.append(Measure("all quotes, one by one", _p50_ns(lambda: sum(1 for _ in reader))))
    return measures


def _nothing() -> None:
    """What a call costs that does nothing."""


def _p50_ns(call: Callable[[], object]) -> float:
    timer = timeit.Timer(call)
    once_s = max(timer.timeit(3) / 3, 1e-9)
    count = max(1, round(_ROUND_S / once_s))
    return statistics.median(timer.repeat(_ROUNDS, count)) / count * 1e9
