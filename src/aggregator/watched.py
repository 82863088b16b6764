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

__all__ = ["MOVE_FRACTION", "WatchedRows"]

MOVE_FRACTION: Final = 0.05


class WatchedRows:
    """Keeps the watched rows of a registry at the right amounts."""

    def __init__(self, rows: RowRegistry, pairs: Sequence[Pair], amounts: Sequence[int]) -> None:
        self._rows = rows
        self._pairs = tuple(pairs)
        self._amounts = tuple(amounts)
        self._reverse: dict[int, tuple[int, ...]] = {}
        self._set_at: dict[int, float] = {}
        self._forward = tuple(rows.hold(_keys(pair.base.mint, pair.quote.mint, self._amounts)) for pair in self._pairs)

    def follow(self, usd_by_mint: Mapping[Pubkey, float]) -> bool:
        """Set reverse amounts from these prices where they are missing or have moved; tell whether any row changed.

        Raises:
            TooManyQuotes: No free number for a new row; what was set before it stays.
        """
        generation = self._rows.generation
        for position, pair in enumerate(self._pairs):
            base_usd, quote_usd = usd_by_mint.get(pair.base.mint, 0.0), usd_by_mint.get(pair.quote.mint, 0.0)
            if base_usd <= 0.0 or quote_usd <= 0.0:
                continue
            price = base_usd / quote_usd
            old = self._set_at.get(position)
            if old is None or moved_beyond(old, price, fraction=MOVE_FRACTION):
                self._set_reverse(position, pair, price)
        return self._rows.generation != generation

    def nearest(self, amount: int) -> tuple[int, ...]:
        """One row a direction, pairs in order, forward then reverse: the one whose forward amount is nearest."""
        rung = min(range(len(self._amounts)), key=lambda k: abs(self._amounts[k] - amount))
        chosen: list[int] = []
        for position, forward in enumerate(self._forward):
            chosen.append(forward[rung])
            if position in self._reverse:
                chosen.append(self._reverse[position][rung])
        return tuple(chosen)

    def _set_reverse(self, position: int, pair: Pair, price: float) -> None:
        amounts = reverse_amounts(
            self._amounts, price=price, input_decimals=pair.base.decimals, output_decimals=pair.quote.decimals
        )
        keys = _keys(pair.quote.mint, pair.base.mint, amounts)
        held = self._reverse.get(position)
        if held is None:
            self._reverse[position] = self._rows.hold(keys)
        else:
            self._reverse[position] = tuple(self._rows.move(index, key) for index, key in zip(held, keys, strict=True))
        self._set_at[position] = price


def _keys(input_mint: Pubkey, output_mint: Pubkey, amounts: Sequence[int]) -> tuple[QuoteKey, ...]:
    return tuple(QuoteKey(input_mint, output_mint, amount) for amount in amounts)
