from collections.abc import Sequence
from typing import Final, final

from aggregator.columns import LocalColumns
from aggregator.held import Arrival, HeldQuote, Source
from aggregator.told_rows import ToldRows

LOOK_NS_MAX: Final[int]
"""All answers are looked at again after so long."""

@final
class QuoteTable(ToldRows):
    """All rows, by number."""

    @property
    def misdirected_count(self) -> int:
        """Answers for a row that meanwhile means something else, or nothing."""
    def take(self, quotes: Sequence[HeldQuote]) -> Arrival: ...
    def take_columns(self, columns: LocalColumns, first: int, count: int) -> Arrival: ...
    def expire(self) -> tuple[tuple[Source, int], ...]: ...
    def beat(self) -> None: ...
