"""The platform's own rows: every watched pair, both ways, over the amounts setting.

Forward rows are there from the start. Reverse rows need an oracle price, so a pair without one has none until it
gets one; they move to new amounts only when the price has moved by more than `MOVE_FRACTION` since they were set,
so that a wobbling price does not renumber the world.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from aggregator.amounts import moved_beyond, reverse_amounts
from aggregator.rows import RowRegistry
from quote_core.quotes import QuoteKey
from quote_core.tokens import Pair
from quote_core.units import Pubkey
from quote_core.watch import first_watched_row

__all__ = ["MOVE_FRACTION", "WatchedRows"]

MOVE_FRACTION: Final = 0.05


class WatchedRows:
    """Keeps the platform's own numbers of a registry at the right amounts."""

    def __init__(self, rows: RowRegistry, pairs: Sequence[Pair], amounts: Sequence[int]) -> None:
        self._rows = rows
        self._pairs = tuple(pairs)
        self._amounts = tuple(amounts)
        self._set_at: dict[int, float] = {}
        for position, pair in enumerate(self._pairs):
            first = self._first(position, is_reverse=False)
            rows.watch(first, _keys(pair.base.mint, pair.quote.mint, self._amounts))

    def follow(self, usd_by_mint: Mapping[Pubkey, float]) -> bool:
        """Set reverse amounts from these prices where they are missing or have moved; tell whether any row changed."""
        generation = self._rows.generation
        for position, pair in enumerate(self._pairs):
            base_usd, quote_usd = usd_by_mint.get(pair.base.mint, 0.0), usd_by_mint.get(pair.quote.mint, 0.0)
            if base_usd <= 0.0 or quote_usd <= 0.0:
                continue
            price = base_usd / quote_usd
            old = self._set_at.get(position)
            if old is None or moved_beyond(old, price, fraction=MOVE_FRACTION):
                amounts = reverse_amounts(
                    self._amounts, price=price, input_decimals=pair.base.decimals, output_decimals=pair.quote.decimals
                )
                first = self._first(position, is_reverse=True)
                self._rows.watch(first, _keys(pair.quote.mint, pair.base.mint, amounts))
                self._set_at[position] = price
        return self._rows.generation != generation

    def nearest(self, amount: int) -> tuple[int, ...]:
        """One number a direction, pairs in order, forward then reverse: the one whose forward amount is nearest."""
        rung = self.nearest_rung(amount)
        return tuple(
            self._first(position, is_reverse=is_reverse) + rung
            for position in range(len(self._pairs))
            for is_reverse in (False, True)
        )

    def row(self, position: int, rung: int, *, is_reverse: bool) -> int | None:
        """The number of one pair's amount in one direction; `None` while it means nothing."""
        number = self._first(position, is_reverse=is_reverse) + rung
        return next((index for index, _ in self._rows.some((number,))), None)

    def nearest_rung(self, amount: int) -> int:
        """Which of the forward amounts is nearest."""
        return min(range(len(self._amounts)), key=lambda k: abs(self._amounts[k] - amount))

    def _first(self, position: int, *, is_reverse: bool) -> int:
        return first_watched_row(position, is_reverse=is_reverse, amount_count=len(self._amounts))


def _keys(input_mint: Pubkey, output_mint: Pubkey, amounts: Sequence[int]) -> tuple[QuoteKey, ...]:
    return tuple(QuoteKey(input_mint, output_mint, amount) for amount in amounts)
