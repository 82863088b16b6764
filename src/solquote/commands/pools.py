"""`solquote pools [IN OUT]`: the pools the local quote service holds, side by side, or those it knows and does not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from quote_core.access.calling import caller_of
from quote_core.errors import InvalidField
from quote_core.settings import PlatformSettings
from quote_core.tokens import Token, TokenRegistry, load_tokens
from quote_core.units import LAMPORTS_PER_SOL, decimal_from_amount
from solquote.answers import PrintedDroppedPool, PrintedPool
from solquote.commands.options import DataDir, Json, Timeout, Wide, found_environment, token_symbols
from solquote.exit_codes import ExitCode
from solquote.formatting import age_text, key_text, percent_text, price_text, short_key
from solquote.output import CommandFailed, answer_json, is_wide, make_console

__all__ = ["pools"]

_REASONS: Final = {
    "shallow": "below pool_depth_min_sol",
    "outranked": "pools_per_pair_and_dex_max deeper ones are",
    "no_room": "pool_count_max deeper ones are",
}
"""By what the service says, in words that name the setting."""


def pools(
    input_token: Annotated[
        str | None, typer.Argument(metavar="IN", autocompletion=token_symbols, help="Only pools of this token ...")
    ] = None,
    output_token: Annotated[
        str | None, typer.Argument(metavar="OUT", autocompletion=token_symbols, help="... against this one")
    ] = None,
    *,
    dropped: Annotated[
        bool, typer.Option("--dropped", help="Pools that are known and not held, and why, instead")
    ] = False,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Show price, depth, fee, age and provenance of pools; all of them, or those of one pair."""
    platform = PlatformSettings.load(environ=found_environment(data_dir))
    registry = load_tokens(platform.tokens_path)
    mints = ("", "")
    if input_token is not None:
        if output_token is None:
            raise InvalidField("OUT", f"name the token to pair {input_token} with, or no token for all pools")
        first, second = registry.resolve(input_token, field="IN"), registry.resolve(output_token, field="OUT")
        registry.pair(first.mint, second.mint)
        mints = (first.mint, second.mint)
    from solquote.wire import ask_pools  # noqa: PLC0415  # gRPC is loaded for the call only

    answer, others = ask_pools(
        platform.local_quote_address, *mints, with_dropped=dropped, timeout_s=timeout, caller=caller_of(platform)
    )
    if dropped:
        _show_dropped(others, registry, wide=wide, as_json=as_json)
        return
    if as_json:
        answer_json({"pools": [asdict(pool) for pool in answer]})
    elif answer:
        console = make_console(wide=wide)
        console.print(_table(answer, {token.mint: token for token in registry}, console))
        _print_unusable(answer, console)
    if not answer:
        wanted = f"{input_token}/{output_token}" if input_token else "any pair"
        raise CommandFailed("NO_POOLS", f"no pool of {wanted} is held", ExitCode.NEGATIVE)


def _show_dropped(pools: Sequence[PrintedDroppedPool], registry: TokenRegistry, *, wide: bool, as_json: bool) -> None:
    if as_json:
        answer_json({"dropped": [asdict(pool) for pool in pools]})
        return
    console = make_console(wide=wide)
    if not pools:
        console.print("every pool that is known is held")
        return
    symbols: dict[str, str] = {token.mint: token.symbol for token in registry}
    table = Table(box=None, pad_edge=False)
    for column in ("pair", "protocol", "pool"):
        table.add_column(column, no_wrap=True)
    table.add_column("depth 1 %, SOL", justify="right", no_wrap=True)
    table.add_column("why it is not held")
    for pool in pools:
        table.add_row(
            "/".join(symbols.get(mint, short_key(mint)) for mint in (pool.mint_a, pool.mint_b)),
            pool.protocol,
            key_text(pool.pool_id, whole=is_wide(console)),
            "not known" if pool.depth_lamports is None else price_text(pool.depth_lamports / LAMPORTS_PER_SOL),
            _REASONS.get(pool.reason, pool.reason),
        )
    console.print(table)


def _table(answer: Iterable[PrintedPool], tokens: Mapping[str, Token], console: Console) -> Table:
    """A row a pool; where there is no room for the pair in each, it stands above the first of its pools."""
    wide = is_wide(console)
    table = Table(box=None, pad_edge=False)
    for column in (["pair"] if wide else []) + ["protocol", "pool"]:
        table.add_column(column, no_wrap=True)
    for column in ("price", "fee", "depth 1 %", "age"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("provenance", no_wrap=True)
    above = None
    for pool in answer:
        token_a, token_b = tokens.get(pool.mint_a), tokens.get(pool.mint_b)
        pair = f"{_symbol(token_a, pool.mint_a)}/{_symbol(token_b, pool.mint_b)}"
        if not wide and pair != above:
            table.add_row(f"[bold]{pair}[/]")
            above = pair
        table.add_row(
            *([pair] if wide else []),
            pool.protocol,
            key_text(pool.pool_id, whole=is_wide(console)),
            price_text(pool.price),
            percent_text(pool.fee_fraction_a_to_b),
            _depth(pool.depth_a_amount, token_a),
            age_text(pool.age_ms),
            pool.provenance,
            style=None if pool.is_tradable and not pool.is_stale else "red",
        )
    return table


def _print_unusable(answer: Iterable[PrintedPool], console: Console) -> None:
    """In words which pools are red, and why."""
    stale = [key_text(pool.pool_id, whole=is_wide(console)) for pool in answer if pool.is_stale]
    if stale:
        console.print(f"stale: {', '.join(stale)}", highlight=False, markup=False)
    for pool in answer:
        if not pool.is_tradable:
            line = f"{key_text(pool.pool_id, whole=is_wide(console))} refuses swaps: {pool.refusal}"
            console.print(line, highlight=False, markup=False)


def _symbol(token: Token | None, mint: str) -> str:
    return token.symbol if token else short_key(mint)


def _depth(amount: int, token: Token | None) -> str:
    """Whole tokens of the pair's first one; six digits are enough to compare by."""
    return price_text(float(decimal_from_amount(amount, token.decimals))) if token else str(amount)
