"""Trades as CSV for tax software, in the columns of Koinly's universal template, which other programs import as well.

Columns and date format: https://support.koinly.io/en/articles/9489976-how-to-create-a-custom-csv-file-with-your-data
The label: https://support.koinly.io/en/articles/9490023-what-are-tags

| result                       | lines                                                                              |
|------------------------------|------------------------------------------------------------------------------------|
| filled                       | one a swap, an exchange of what went in for what came out; all fees and the tip in |
|                              | SOL on the last of them                                                            |
| failed or missed, with costs | one, the costs sent, labelled `cost`                                               |
| anything else                | none                                                                               |

Amounts are whole tokens with all their decimals, exact; times are UTC to the second. A worth is told where the result
itself records a price (`pipeline.auditor.usd`), and left empty where it does not: the program then has its own. There
is no transaction hash: results do not record one. A fill on paper is no trade, and is left out unless it is asked for;
its description begins with PAPER.
"""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, TextIO

from pipeline.auditor.ledger import is_trade
from pipeline.auditor.usd import USD_DECIMALS, SolPrices
from quote_core.events import ExecutionMode, ExecutionResult, Outcome
from quote_core.tokens import Token, TokenRegistry
from quote_core.units import NS_PER_S, decimal_from_amount

__all__ = ["TAX_COLUMNS", "TaxLines", "TaxTable"]

TAX_COLUMNS: Final = (
    "Date",
    "Sent Amount",
    "Sent Currency",
    "Received Amount",
    "Received Currency",
    "Fee Amount",
    "Fee Currency",
    "Net Worth Amount",
    "Net Worth Currency",
    "Label",
    "Description",
    "TxHash",
)

_COST_LABEL: Final = "cost"
_SOL: Final = "SOL"
_SOL_DECIMALS: Final = 9

Line = tuple[str, ...]


class TaxLines:
    """Makes lines of results.

    Args:
        tokens: The registry, which has symbols and decimals.
        with_paper: Whether what was traded on paper is told, too.
    """

    def __init__(self, tokens: TokenRegistry, *, with_paper: bool = False) -> None:
        self._tokens = tokens
        self._prices = SolPrices(tokens)
        self._with_paper = with_paper

    def is_left_out(self, result: ExecutionResult) -> bool:
        """Whether it has lines, and they are not told, being paper."""
        return result.mode is ExecutionMode.PAPER and not self._with_paper and _is_told(result)

    def of(self, result: ExecutionResult) -> Iterator[Line]:
        """Its lines, in the columns' order; see the table.

        Raises:
            UnknownToken: A swap of a token that is not in the registry, of which nobody knows symbol and decimals.
        """
        if self.is_left_out(result) or not _is_told(result):
            return
        date = f"{datetime.fromtimestamp(result.finished_unix_ns // NS_PER_S, UTC):%Y-%m-%d %H:%M:%S} UTC"
        paper = "PAPER, " if result.mode is ExecutionMode.PAPER else ""
        description = f"{paper}solquote plan {result.plan_id.hex()}"
        cost_lamports = _cost_lamports(result)
        cost = (_whole(cost_lamports, _SOL_DECIMALS), _SOL) if cost_lamports else ("", "")
        if result.outcome is not Outcome.FILLED:
            worth = self._worth(result, cost_lamports)
            yield date, *cost, "", "", "", "", *worth, _COST_LABEL, description, ""
            return
        last_index = len(result.hops) - 1
        for index, hop in enumerate(result.hops):
            sent = self._tokens.by_mint(hop.input_mint, field="input_mint")
            received = self._tokens.by_mint(hop.output_mint, field="output_mint")
            yield (
                date,
                _whole(hop.input_amount, sent.decimals),
                sent.symbol,
                _whole(hop.output_amount, received.decimals),
                received.symbol,
                *(cost if index == last_index else ("", "")),
                *self._worth(result, _lamports((sent, hop.input_amount), (received, hop.output_amount))),
                "",
                f"{description}, swap {index + 1} of {last_index + 1}",
                "",
            )

    def _worth(self, result: ExecutionResult, lamports: int | None) -> tuple[str, str]:
        micro_usd = None if lamports is None else self._prices.micro_usd(result, lamports)
        return ("", "") if micro_usd is None else (f"{decimal_from_amount(micro_usd, USD_DECIMALS):f}", "USD")


class TaxTable:
    """Lines of results, written as they are added, under a heading."""

    def __init__(self, lines: TaxLines, file: TextIO) -> None:
        self._lines = lines
        self._writer = csv.writer(file)
        self._writer.writerow(TAX_COLUMNS)
        self.line_count = 0
        self.paper_count = 0
        """Results that have lines and were left out, being of paper."""

    def add(self, result: ExecutionResult) -> None:
        """Write its lines.

        Raises:
            UnknownToken: See `TaxLines.of`.
        """
        self.paper_count += self._lines.is_left_out(result)
        for line in self._lines.of(result):
            self._writer.writerow(line)
            self.line_count += 1

    def summary(self) -> str:
        """What was written and what was not, for people."""
        left_out = f"; {self.paper_count} results on paper are left out" if self.paper_count else ""
        return f"{self.line_count} lines{left_out}"


def _is_told(result: ExecutionResult) -> bool:
    if result.outcome is Outcome.FILLED:
        return True
    return is_trade(result) and _cost_lamports(result) > 0


def _cost_lamports(result: ExecutionResult) -> int:
    return result.flash_fee_lamports + result.tip_lamports + result.network_fee_lamports


def _lamports(*sides: tuple[Token, int]) -> int | None:
    """What a swap was worth in SOL, when SOL is one of its sides."""
    return next((amount for token, amount in sides if token.category == "native"), None)


def _whole(amount: int, decimals: int) -> str:
    return f"{decimal_from_amount(amount, decimals):f}"
