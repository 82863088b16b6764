"""`solquote oracles`: what each token is worth, by whose word, and why not by another's."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from quote_core.access.calling import caller_of
from quote_core.settings import PlatformSettings
from quote_core.tokens import Token, load_tokens
from solquote.answers import PrintedOracleSource, PrintedPrice
from solquote.commands.options import DataDir, Json, Timeout, Wide, found_environment, token_symbols
from solquote.formatting import age_text, percent_text, price_text
from solquote.output import answer_json, make_console

__all__ = ["oracles"]


def oracles(
    token: Annotated[
        str | None, typer.Argument(metavar="TOKEN", autocompletion=token_symbols, help="Only this token")
    ] = None,
    *,
    timeout: Timeout = 2.0,
    data_dir: DataDir = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Show each token's reference price: whose it is, its age and interval, and why it is not another source's."""
    platform = PlatformSettings.load(environ=found_environment(data_dir))
    registry = load_tokens(platform.tokens_path)
    asked = list(registry) if token is None else [registry.resolve(token, field="TOKEN")]
    from solquote.wire import ask_prices  # noqa: PLC0415  # gRPC is loaded for the call only

    prices = ask_prices(platform.local_quote_address, timeout_s=timeout, caller=caller_of(platform))
    found = [(one, prices[one.mint]) for one in asked if one.mint in prices]
    if as_json:
        answer_json({"oracles": [_price_json(one, price) for one, price in found]})
        return
    make_console(wide=wide).print(_table(found))


def _price_json(token: Token, price: PrintedPrice) -> dict[str, object]:
    return {
        "symbol": token.symbol,
        "mint": token.mint,
        "usd": price.usd,
        "source": price.source or None,
        "age_ms": None if price.usd is None else price.age_ms,
        "is_stale": price.is_stale,
        "confidence_usd": price.confidence_usd,
        "disagreement": price.disagreement,
        "provenance": price.provenance or None,
        "sources": [
            {
                "source": one.source,
                "usd": one.usd,
                "confidence_usd": one.confidence_usd,
                "age_ms": None if one.standing == "silent" else one.age_ms,
                "standing": one.standing,
                "why": one.why,
            }
            for one in price.sources
        ],
    }


def _table(found: Iterable[tuple[Token, PrintedPrice]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("token", "source"):
        table.add_column(column, no_wrap=True)
    for column in ("usd", "+/-", "age"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("is", no_wrap=True)
    table.add_column("why", overflow="fold")
    for token, price in found:
        if not price.sources:
            table.add_row(token.symbol, "none", "", "", "", "", "none is registered")
        for position, one in enumerate(price.sources):
            table.add_row(token.symbol if position == 0 else "", *_cells(one, price))
    return table


def _cells(one: PrintedOracleSource, price: PrintedPrice) -> tuple[str, ...]:
    why = one.why
    if one.standing == "chosen" and price.disagreement:
        why = f"its sources disagree by {percent_text(price.disagreement)}"
    return (
        one.source,
        "" if one.usd is None else price_text(one.usd),
        price_text(one.confidence_usd) if one.confidence_usd else "",
        "" if one.standing == "silent" else age_text(one.age_ms),
        one.standing,
        why,
    )
