"""`solquote tokens`: the registry, and what the tokens are worth."""

import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from quote_core.access.calling import caller_of
from quote_core.settings import PlatformSettings
from quote_core.tokens import Token, TokenRegistry, load_tokens
from solquote.answers import PrintedPrice
from solquote.commands.options import DataDir, Json, Timeout, Wide, found_environment
from solquote.formatting import age_text, key_text, price_text
from solquote.output import CommandFailed, answer_json, is_wide, make_console

__all__ = ["tokens"]


def tokens(*, timeout: Timeout = 2.0, data_dir: DataDir = None, wide: Wide = False, as_json: Json = False) -> None:
    """Show the registered tokens, the pairs watched, and oracle prices while the local quote service runs."""
    platform = PlatformSettings.load(environ=found_environment(data_dir))
    registry = load_tokens(platform.tokens_path)
    without_prices = None
    prices: Mapping[str, PrintedPrice] = {}
    from solquote.wire import ask_prices  # noqa: PLC0415  # gRPC is loaded for the call only

    try:
        prices = ask_prices(platform.local_quote_address, timeout_s=timeout, caller=caller_of(platform))
    except CommandFailed as failure:
        without_prices = f"no prices: {failure}"
    if as_json:
        answer_json(
            {
                "tokens": [_token_json(token, prices.get(token.mint)) for token in registry],
                "pairs": [[pair.base.symbol, pair.quote.symbol] for pair in registry.pairs],
                "without_prices": without_prices,
            }
        )
        return
    console = make_console(wide=wide)
    console.print(_table(registry, prices, console))
    if without_prices:
        sys.stderr.write(f"solquote: {without_prices}\n")


def _token_json(token: Token, price: PrintedPrice | None) -> dict[str, object]:
    return {
        "symbol": token.symbol,
        "mint": token.mint,
        "decimals": token.decimals,
        "category": token.category,
        "oracle": token.oracle.kind if token.oracle else None,
        "usd": price.usd if price else None,
        "price_age_ms": price.age_ms if price and price.usd is not None else None,
        "price_is_stale": price.is_stale if price else None,
        "price_provenance": price.provenance if price else None,
    }


def _table(registry: TokenRegistry, prices: Mapping[str, PrintedPrice], console: Console) -> Table:
    watched: dict[str, list[str]] = {}
    for pair in registry.pairs:
        watched.setdefault(pair.quote.symbol, []).append(pair.base.symbol)
    table = Table(box=None, pad_edge=False)
    table.add_column("symbol", no_wrap=True)
    table.add_column("usd", justify="right", no_wrap=True)
    for column in ("oracle", "age", "provenance", "pairs", "mint"):
        table.add_column(column, no_wrap=True)
    for token in registry:
        price = prices.get(token.mint)
        known = price is not None and price.usd is not None
        table.add_row(
            token.symbol,
            price_text(price.usd) if price and known else "",
            token.oracle.kind if token.oracle else "none",
            (age_text(price.age_ms) + (" stale" if price.is_stale else "")) if price and known else "",
            price.provenance if price and known else "",
            " ".join(watched.get(token.symbol, [])),
            key_text(token.mint, whole=is_wide(console)),
        )
    return table
