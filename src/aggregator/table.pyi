from collections.abc import Iterable, Sequence
from typing import Final, final

from aggregator.columns import LocalColumns
from aggregator.held import Arrival, HeldQuote, HeldTotals, Source
from aggregator.selection import Judge, Merged
from aggregator.shm_publisher import ShmPublisher
from quote_core.clock import Clock
from quote_core.quotes import QuoteKey
from quote_core.tokens import TokenRegistry

BODY_AGE_NS_MAX: Final[int]
"""How old a row's bytes may be when they are told."""

LOOK_NS_MAX: Final[int]
"""All answers are looked at again after so long."""

@final
class QuoteTable:
    """All rows, by number; a number that means nothing is a `KeyError`.

    Args:
        tokens: For the decimals of a row's tokens.
        clock: For ages.
        judge: How answers are scored and chosen between.
        local_file: Where the local service's quotes are written; nowhere without one.
        external_file: The same of providers' quotes.
    """

    def __init__(
        self,
        *,
        tokens: TokenRegistry,
        clock: Clock,
        judge: Judge,
        local_file: ShmPublisher | None = None,
        external_file: ShmPublisher | None = None,
    ) -> None: ...
    @property
    def misdirected_count(self) -> int:
        """Answers for a row that meanwhile means something else, or nothing."""
    def row_added(self, index: int, key: QuoteKey) -> None: ...
    def row_removed(self, index: int, key: QuoteKey) -> None: ...
    def take(self, quotes: Sequence[HeldQuote]) -> Arrival: ...
    def take_columns(self, columns: LocalColumns, first: int, count: int) -> Arrival: ...
    def expire(self) -> tuple[tuple[Source, int], ...]: ...
    def beat(self) -> None: ...
    def is_answered(self, index: int) -> bool: ...
    def body(self, index: int) -> bytes: ...
    def bodies(self, indexes: Iterable[int]) -> list[bytes]: ...
    def fresh_body(self, index: int) -> bytes | None: ...
    def merged(self, index: int) -> Merged: ...
    def held(self, source: Source, index: int) -> HeldQuote | None: ...
    def totals(self, file: ShmPublisher) -> HeldTotals: ...
