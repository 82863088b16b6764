"""The streamed rows' present quotes in C, by row number, and how a direction of them is settled."""

from array import array
from collections.abc import Iterable, Sequence

from local_quote.pool_entry import PoolEntry
from local_quote.settlement import RowState
from quote_core.dex.pool import ChainClock, Direction
from quote_core.tokens import Token

class Offer:
    """What a pool, or a chain of them, gives in one direction; rows rest on it by its `number`."""

    input_token: Token
    output_token: Token
    number: int
    is_stale: bool

    def __init__(self, input_token: Token, output_token: Token, number: int) -> None: ...
    @property
    def outputs(self) -> Sequence[int] | None:
        """Its output for every amount of the direction, ascending; None while it gives nothing."""
    @outputs.setter
    def outputs(self, outputs: Sequence[int] | None) -> None: ...
    def stand(self, net_price: float, is_stale: bool) -> None:
        """Say how it stands now, before rows are settled.

        Args:
            net_price: Marginal output per input after the fee, smallest units.
            is_stale: Whether a pool of it is in doubt or was not vouched for lately.
        """

class PoolOffer(Offer):
    """What one pool gives in one direction; `entries` is its `entry` alone."""

    entry: PoolEntry
    entries: tuple[PoolEntry, ...]
    way: Direction

    def __init__(
        self, input_token: Token, output_token: Token, entry: PoolEntry, way: Direction, number: int
    ) -> None: ...
    @property
    def depth_amount(self) -> int:
        """Input that would move the price by 1 %, smallest units, as measured last: see `PoolPrices`."""
    def price(self, amounts: array[int], clock: ChainClock, is_stale: bool) -> None:
        """Take what the pool gives for the direction's amounts now, and how its price stands.

        Args:
            amounts: Ascending, smallest units.
            clock: The chain's time.
            is_stale: See `stand`.

        Raises:
            NotTradable: See `Pool.check_tradable`; it gives nothing, then.
        """

def standing(
    offers: Iterable[PoolOffer], now_mono_ns: int, stale_after_ns: int, refuse_after_ns: int
) -> list[PoolOffer]:
    """Those that give something and whose pool is usable, each with its `is_stale` as of now."""

class QuoteRows:
    """Numbers are dense, and used again once a row is gone. What is of no row raises `IndexError`."""

    count: int

    def __len__(self) -> int: ...
    def add(self, amounts: Iterable[int]) -> array[int]:
        """Make a row for every input amount, smallest units; nobody holds them yet.

        Raises:
            ValueError: An amount is zero; no row is made.
        """

    def hold(self, numbers: Iterable[int]) -> None:
        """Count each once more as held."""

    def let_go(self, numbers: Iterable[int]) -> list[int]:
        """Count each once less as held; returns those that nobody holds any more."""

    def remove(self, numbers: Iterable[int]) -> None:
        """Forget rows; their numbers are free."""

    def settle(
        self, numbers: array[int], offers: Sequence[Offer], now_unix_ns: int, now_mono_ns: int, changed: list[int]
    ) -> list[int]:
        """Give every row of a direction the best of the offers, see `settlement.settled`.

        Args:
            numbers: The direction's rows, amounts ascending.
            offers: Those that count, a list: the pools' in order of their ids, chains' after them.
            now_unix_ns: Wall clock.
            now_mono_ns: CLOCK_MONOTONIC.
            changed: Gets the rows that differ from before.

        Returns:
            The rows that no offer fills, untouched.

        Raises:
            ValueError: An offer has not one output for every row.
        """

    def refuse(self, number: int) -> None:
        """Take a row's quote away, which is a change of it."""

    def version(self, number: int) -> int:
        """How often a row has changed."""

    def offer(self, number: int) -> int:
        """The number of the offer a row rests on: from 0 a pool's, below -1 a chain's; -1 where it has no quote."""

    def state(self, number: int) -> RowState:
        """All that is held of a row."""

    def copied(self, numbers: Sequence[int]) -> bytes:
        """What rows say now, to be read later by `states_of`: who is in a hurry copies lines."""

def states_of(copies: bytes) -> list[RowState]:
    """What rows said when they were copied, in their order."""
