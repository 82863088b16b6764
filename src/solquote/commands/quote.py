"""`solquote quote IN OUT AMOUNT`: one quote from the aggregator."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from quote_core.settings import PlatformSettings
from quote_core.tokens import load_tokens
from quote_core.units import amount_from_decimal, decimal_from_amount
from solquote.answers import PrintedHop, PrintedQuote, PrintedSource
from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.formatting import age_text, amount_text, percent_text, price_text, short_key
from solquote.output import answer_json, make_console
from solquote.wire import ask_quote

__all__ = ["quote"]


def quote(
    input_token: Annotated[str, typer.Argument(metavar="IN", help="Token sold: symbol or mint")],
    output_token: Annotated[str, typer.Argument(metavar="OUT", help="Token bought: symbol or mint")],
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="Whole tokens sold, such as 1.5")],
    *,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Quote AMOUNT of IN for OUT, from both sources."""
    platform = PlatformSettings.load(environ=found_environment(data_dir))
    registry = load_tokens(platform.tokens_path)
    sold = registry.resolve(input_token, field="IN")
    bought = registry.resolve(output_token, field="OUT")
    registry.pair(sold.mint, bought.mint)
    smallest_units = amount_from_decimal(amount, sold.decimals, field="AMOUNT")
    answer = ask_quote(platform.aggregator_address, sold, bought, smallest_units, timeout_s=timeout)
    if as_json:
        answer_json(quote_json(answer))
    else:
        _print(answer, make_console())


def quote_json(answer: PrintedQuote) -> dict[str, object]:
    """The answer as JSON: amounts in smallest units, and beside them as decimal text in whole tokens."""
    return {
        "input": {"symbol": answer.input.symbol, "mint": answer.input.mint, "decimals": answer.input.decimals},
        "output": {"symbol": answer.output.symbol, "mint": answer.output.mint, "decimals": answer.output.decimals},
        "input_amount": answer.input_amount,
        "input_decimal": str(decimal_from_amount(answer.input_amount, answer.input.decimals)),
        "output_amount": answer.output_amount,
        "output_decimal": str(decimal_from_amount(answer.output_amount, answer.output.decimals)),
        "price": _price(answer, answer.output_amount),
        "oracle_price": answer.oracle_price,
        "best": answer.best,
        "decision": answer.decision,
        "sources": [asdict(source) for source in answer.sources],
    }


def _price(answer: PrintedQuote, output_amount: int) -> float:
    """Whole output tokens per whole input token."""
    sold = decimal_from_amount(answer.input_amount, answer.input.decimals)
    return float(decimal_from_amount(output_amount, answer.output.decimals) / sold)


def _print(answer: PrintedQuote, console: Console) -> None:
    price = _price(answer, answer.output_amount)
    unit = f"{answer.output.symbol} per {answer.input.symbol}"
    sold, bought = amount_text(answer.input_amount, answer.input), amount_text(answer.output_amount, answer.output)
    console.print(f"[bold]{sold} {answer.input.symbol} -> {bought} {answer.output.symbol}[/]", highlight=False)
    console.print(
        f"price {price_text(price)} {unit}, oracle {_oracle_text(price, answer.oracle_price)}", highlight=False
    )
    console.print(f"best source {answer.best or 'none'}, decision {answer.decision or 'none'}", highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in ("source", "output", "impact", "confidence", "age", "slot", "route"):
        table.add_column(column, justify="right" if column in {"output", "impact", "age", "slot"} else "left")
    for source in answer.sources:
        table.add_row(*_cells(source, answer))
    console.print(table)


def _oracle_text(price: float, oracle_price: float | None) -> str:
    if oracle_price is None:
        return "unknown"
    return f"{price_text(oracle_price)} ({(price / oracle_price - 1) * 100:+.2f} %)"


def _cells(source: PrintedSource, answer: PrintedQuote) -> tuple[str, ...]:
    if source.error is not None:
        return (source.name, "none", "", "", "", "", source.error)
    return (
        source.name + (" (stale)" if source.is_stale else ""),
        amount_text(source.output_amount, answer.output),
        percent_text(source.price_impact_fraction),
        f"{source.confidence:.3f}",
        age_text(source.age_ms),
        str(source.slot or ""),
        "\n".join(_hop_text(hop) for hop in source.route),
    )


def _hop_text(hop: PrintedHop) -> str:
    origin = f", {hop.provenance}" if hop.provenance else ""
    return f"{hop.protocol} {short_key(hop.pool_id)}{origin}"
