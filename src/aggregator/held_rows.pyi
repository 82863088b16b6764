from aggregator.selection import Judge
from aggregator.shm_publisher import ShmPublisher
from quote_core.clock import Clock
from quote_core.quotes import QuoteKey
from quote_core.tokens import TokenRegistry

class HeldRows:
    """All rows, by number; a number that means nothing is a `KeyError`.

    Args:
        tokens: For the decimals of a row's tokens.
        clock: For ages.
        judge: How answers are scored and chosen between.
        row_count: Rows there can be, as many as the files have entries.
        local_file: Where the local service's quotes are written; nowhere without one.
        external_file: The same of providers' quotes.
    """

    def __init__(
        self,
        *,
        tokens: TokenRegistry,
        clock: Clock,
        judge: Judge,
        row_count: int = ...,
        local_file: ShmPublisher | None = None,
        external_file: ShmPublisher | None = None,
    ) -> None: ...
    def row_added(self, index: int, key: QuoteKey) -> None: ...
    def row_removed(self, index: int, key: QuoteKey) -> None: ...
