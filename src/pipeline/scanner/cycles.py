"""Which cycles there are over the pairs watched: from SOL through two or three other tokens and back. Pure.

Worked out once, when the pairs are read. A cycle goes through a token once, and each way round is a cycle of its own;
of two legs it is a round trip over one pair, which `detect` finds. All begin with SOL, as every trade does: costs are
lamports, and the loan is of SOL.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from quote_core.tokens import Pair, Token

__all__ = ["CYCLES_MAX", "LEG_COUNT_MAX", "LEG_COUNT_MIN", "Cycle", "cycle_name", "cycles_of"]

LEG_COUNT_MIN: Final = 3
LEG_COUNT_MAX: Final = 4
CYCLES_MAX: Final = 4_096
"""All there are over 17 tokens that are all paired with each other. Of more the longest are left out."""

Cycle = tuple[Token, ...]
"""Input of each leg; the last one leads back to the first."""


def cycle_name(cycle: Cycle) -> str:
    """As it stands in events and subjects."""
    return "-".join(token.symbol for token in cycle)


def cycles_of(pairs: Sequence[Pair], *, leg_count_max: int) -> tuple[Cycle, ...]:
    """All cycles of three legs up to `leg_count_max`, the shorter first, at most `CYCLES_MAX`."""
    beside: defaultdict[Token, list[Token]] = defaultdict(list)
    for pair in pairs:
        for given, taken in pair.directions():
            beside[given].append(taken)
    starts = [token for token in beside if token.category == "native"]
    lengths = range(LEG_COUNT_MIN, leg_count_max + 1)
    return tuple(
        islice(
            (cycle for length in lengths for start in starts for cycle in _cycles((start,), length, beside)), CYCLES_MAX
        )
    )


def _cycles(path: Cycle, length: int, beside: Mapping[Token, Iterable[Token]]) -> Iterator[Cycle]:
    if len(path) == length:
        if path[0] in beside[path[-1]]:
            yield path
        return
    for token in beside[path[-1]]:
        if token not in path:
            yield from _cycles((*path, token), length, beside)
