"""Profit in dollars, as far as the results themselves tell a price.

The only price that a result records is its own: a fill that swapped SOL for a stable coin, or back, says how many
units of the coin a lamport gave. One whole stable coin of the registry counts as one dollar. What has no such swap is
told as unpriced, in lamports: no price of another time, and none of another source, is put in its place.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pipeline.auditor.ledger import is_trade
from quote_core.events import ExecutionResult
from quote_core.tokens import Token
from quote_core.units import Pubkey

__all__ = ["MICRO_USD", "USD_DECIMALS", "SolPrices", "UsdAccount"]

USD_DECIMALS: Final = 6
"""Dollars are counted in millionths."""

MICRO_USD: Final = 10**USD_DECIMALS


class SolPrices:
    """Finds the price of SOL in a result.

    Args:
        tokens: The registry.
    """

    def __init__(self, tokens: Iterable[Token]) -> None:
        known = tuple(tokens)
        self._native: frozenset[Pubkey] = frozenset(token.mint for token in known if token.category == "native")
        self._units_a_dollar: dict[Pubkey, int] = {
            token.mint: int(10**token.decimals) for token in known if token.category == "stable"
        }

    @property
    def digest(self) -> str:
        """Of what prices SOL: sums made with another are of other prices."""
        native = sorted(str(mint) for mint in self._native)
        stable = sorted(f"{mint} {units}" for mint, units in self._units_a_dollar.items())
        return hashlib.sha256("\n".join([*native, "", *stable]).encode()).hexdigest()

    def micro_usd(self, result: ExecutionResult, lamports: int) -> int | None:
        """What `lamports` were worth in the result's first swap between SOL and a stable coin, rounded down.

        `None` when it has none.
        """
        for hop in result.hops:
            if hop.input_mint in self._native and hop.output_mint in self._units_a_dollar:
                sol_amount, coin, coin_amount = hop.input_amount, hop.output_mint, hop.output_amount
            elif hop.output_mint in self._native and hop.input_mint in self._units_a_dollar:
                sol_amount, coin, coin_amount = hop.output_amount, hop.input_mint, hop.input_amount
            else:
                continue
            if sol_amount:
                return lamports * coin_amount * MICRO_USD // (sol_amount * self._units_a_dollar[coin])
        return None


@dataclass(slots=True)
class UsdAccount:
    """The sums; the profit of what is priced and of what is not are together the account's, in lamports."""

    prices: SolPrices
    profit_micro_usd: int = 0
    priced_trade_count: int = 0
    priced_profit_lamports: int = 0
    unpriced_trade_count: int = 0
    unpriced_profit_lamports: int = 0

    def add(self, result: ExecutionResult) -> None:
        """Take the next result; what was no trade changes nothing."""
        if not is_trade(result):
            return
        micro_usd = self.prices.micro_usd(result, result.profit_lamports)
        if micro_usd is None:
            self.unpriced_trade_count += 1
            self.unpriced_profit_lamports += result.profit_lamports
        else:
            self.profit_micro_usd += micro_usd
            self.priced_trade_count += 1
            self.priced_profit_lamports += result.profit_lamports

    def figures(self) -> dict[str, int]:
        """For JSON."""
        return {
            "profit_micro_usd": self.profit_micro_usd,
            "priced_trade_count": self.priced_trade_count,
            "priced_profit_lamports": self.priced_profit_lamports,
            "unpriced_trade_count": self.unpriced_trade_count,
            "unpriced_profit_lamports": self.unpriced_profit_lamports,
        }
