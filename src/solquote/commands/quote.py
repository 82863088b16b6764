"""`solquote quote IN OUT AMOUNT`: one quote from the aggregator."""

from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from quote_core.access.calling import caller_of
from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.pool import SwapMode
from quote_core.quotes import CIRCULAR_HOPS_MIN, HOP_COUNT_MAX, LEG_COUNT_MAX
from quote_core.settings import PlatformSettings
from quote_core.tokens import Token, TokenRegistry, load_tokens
from quote_core.units import BPS, Pubkey, amount_from_decimal, decimal_from_amount
from solquote.answers import PrintedHop, PrintedQuote, PrintedSource
from solquote.commands.options import DataDir, Json, Timeout, Wide, found_environment, token_symbols
from solquote.exit_codes import ExitCode
from solquote.explanation import arithmetic, factor_rows, warning
from solquote.formatting import age_text, amount_text, key_text, percent_text, price_text
from solquote.output import answer_json, is_wide, make_console

__all__ = ["quote"]


def quote(
    input_token: Annotated[
        str, typer.Argument(metavar="IN", autocompletion=token_symbols, help="Token sold: symbol or mint")
    ],
    output_token: Annotated[
        str, typer.Argument(metavar="OUT", autocompletion=token_symbols, help="Token bought: symbol or mint")
    ],
    amount: Annotated[
        str, typer.Argument(metavar="AMOUNT", help="Whole tokens sold (with --exact-out bought), such as 1.5")
    ],
    *,
    slippage_bps: Annotated[
        int,
        typer.Option(
            help="Tolerated, basis points, for the minimum out (with --exact-out the maximum in)", min=0, max=BPS
        ),
    ] = 50,
    explain: Annotated[bool, typer.Option("--explain", help="Show how the decision came about")] = False,
    exact_out: Annotated[bool, typer.Option("--exact-out", help="AMOUNT is of OUT: what does buying it cost?")] = False,
    max_hops: Annotated[
        int,
        typer.Option(
            help="Most swaps one after the other; from 2 on OUT may be IN (default: one where there is a pool)",
            min=0,
            max=HOP_COUNT_MAX,
        ),
    ] = 0,
    max_splits: Annotated[
        int, typer.Option(help="Most routes that AMOUNT is split over (default: 1)", min=0, max=LEG_COUNT_MAX)
    ] = 0,
    dex: Annotated[
        list[str] | None, typer.Option(help="Only pools of this DEX, such as orca_whirlpool; may be repeated")
    ] = None,
    exclude_dex: Annotated[list[str] | None, typer.Option(help="No pools of this DEX; may be repeated")] = None,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    wide: Wide = False,
    as_json: Json = False,
) -> ExitCode:
    """Quote AMOUNT of IN for OUT, from both sources; exit 1 when the decision is to skip it."""
    platform = PlatformSettings.load(environ=found_environment(data_dir))
    registry = load_tokens(platform.tokens_path)
    sold = registry.resolve(input_token, field="IN")
    bought = registry.resolve(output_token, field="OUT")
    if max_hops < CIRCULAR_HOPS_MIN:
        registry.pair(sold.mint, bought.mint)
    given, mode = (bought, SwapMode.EXACT_OUT) if exact_out else (sold, SwapMode.EXACT_IN)
    smallest_units = amount_from_decimal(amount, given.decimals, field="AMOUNT")
    from solquote.wire import AskedRoute, ask_quote  # noqa: PLC0415  # gRPC is loaded for the call only

    terms = AskedRoute(max_hops=max_hops, max_splits=max_splits, dexes=dex or (), exclude_dexes=exclude_dex or ())
    address, caller = platform.aggregator_address, caller_of(platform)
    answer = ask_quote(address, sold, bought, smallest_units, timeout_s=timeout, mode=mode, terms=terms, caller=caller)
    if as_json:
        answer_json(quote_json(answer, slippage_bps=slippage_bps, mode=mode))
    else:
        console = make_console(wide=wide)
        _print(answer, console, slippage_bps=slippage_bps, mode=mode, fees=_fees(answer, registry))
        if explain:
            _explain(answer, console)
    return ExitCode.NEGATIVE if answer.decision == "skip" else ExitCode.OK


def quote_json(answer: PrintedQuote, *, slippage_bps: int, mode: SwapMode = SwapMode.EXACT_IN) -> dict[str, object]:
    """The answer as JSON: amounts in smallest units, and beside them as decimal text in whole tokens."""
    return {
        "input": {"symbol": answer.input.symbol, "mint": answer.input.mint, "decimals": answer.input.decimals},
        "output": {"symbol": answer.output.symbol, "mint": answer.output.mint, "decimals": answer.output.decimals},
        "input_amount": answer.input_amount,
        "input_decimal": _decimal(answer.input_amount, answer.input),
        "output_amount": answer.output_amount,
        "output_decimal": _decimal(answer.output_amount, answer.output),
        "slippage_bps": slippage_bps,
        **_bound_json(answer, slippage_bps, mode),
        "price": _price(answer, answer.output_amount),
        "oracle_price": answer.oracle_price,
        "oracle_disagreement": answer.oracle_disagreement,
        "best": answer.best,
        "decision": answer.decision,
        "caps": [asdict(cap) for cap in answer.best_source.caps] if answer.best_source else [],
        "sources": [asdict(source) for source in answer.sources],
    }


def _bound_json(answer: PrintedQuote, slippage_bps: int, mode: SwapMode) -> dict[str, object]:
    """The side that is not fixed has a bound: the output a least one, the input a most."""
    amount, token = _bound(answer, slippage_bps, mode)
    side = "min_output" if mode is SwapMode.EXACT_IN else "max_input"
    return {f"{side}_amount": amount, f"{side}_decimal": _decimal(amount, token)}


def _decimal(amount: int, token: Token) -> str:
    """Whole tokens with every place, as the command line takes them."""
    return f"{decimal_from_amount(amount, token.decimals):f}"


def _bound(answer: PrintedQuote, slippage_bps: int, mode: SwapMode) -> tuple[int, Token]:
    """The least output, rounded down, or the most input, rounded up, as a program would be told."""
    if mode is SwapMode.EXACT_IN:
        return mul_div_floor(answer.output_amount, BPS - slippage_bps, BPS), answer.output
    return mul_div_ceil(answer.input_amount, BPS + slippage_bps, BPS), answer.input


def _fees(answer: PrintedQuote, registry: TokenRegistry) -> str:
    """What the pools of the better route take, by token."""
    best = answer.best_source
    amount_by_mint: Counter[Pubkey] = Counter()
    for hop in best.route if best else ():
        if hop.fee_mint:
            amount_by_mint[Pubkey(hop.fee_mint)] += hop.fee_amount
    tokens = {token.mint: token for token in registry}
    told = [
        f"{amount_text(amount, tokens[mint])} {tokens[mint].symbol}" if mint in tokens else f"{amount} of {mint}"
        for mint, amount in amount_by_mint.items()
    ]
    return " + ".join(told) or "not told"


def _price(answer: PrintedQuote, output_amount: int) -> float:
    """Whole output tokens per whole input token."""
    sold = decimal_from_amount(answer.input_amount, answer.input.decimals)
    return float(decimal_from_amount(output_amount, answer.output.decimals) / sold)


def _print(answer: PrintedQuote, console: Console, *, slippage_bps: int, mode: SwapMode, fees: str) -> None:
    price = _price(answer, answer.output_amount)
    unit = f"{answer.output.symbol} per {answer.input.symbol}"
    sold, bought = amount_text(answer.input_amount, answer.input), amount_text(answer.output_amount, answer.output)
    console.print(f"[bold]{sold} {answer.input.symbol} -> {bought} {answer.output.symbol}[/]", highlight=False)
    if said := warning(answer):
        console.print(said, style="bold red", highlight=False)
    console.print(
        f"price {price_text(price)} {unit}, oracle {_oracle_text(price, answer.oracle_price)}", highlight=False
    )
    if answer.oracle_disagreement:
        apart = percent_text(answer.oracle_disagreement)
        console.print(f"the oracle's sources disagree by {apart} (`solquote oracles`)", highlight=False)
    bound, token = _bound(answer, slippage_bps, mode)
    told = f"{'minimum out' if mode is SwapMode.EXACT_IN else 'maximum in'} {amount_text(bound, token)} {token.symbol}"
    console.print(f"{told} at {percent_text(slippage_bps / BPS)} slippage, fees {fees}", highlight=False)
    console.print(f"best source {answer.best or 'none'}, decision {answer.decision or 'none'}", highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in ("source", "output", "impact", "confidence", "age", "slot"):
        table.add_column(column, justify="left" if column == "source" else "right", no_wrap=True)
    for source in answer.sources:
        table.add_row(*_cells(source, answer))
    console.print(table)
    for source in answer.sources:
        for line in _route_lines(source, answer, console):
            console.print(f"{source.name}: {line}", highlight=False, markup=False)
    for source in answer.sources:
        if source.quote_id:
            console.print(f"{source.name}: id {source.quote_id}", highlight=False, soft_wrap=True)


def _explain(answer: PrintedQuote, console: Console) -> None:
    for source in answer.sources:
        if source.error is not None:
            continue
        console.print(f"\n[bold]{source.name}[/], confidence {source.confidence:.4f}", highlight=False)
        table = Table(box=None, pad_edge=False)
        for column in ("factor", "from", "value", "weight"):
            table.add_column(column, justify="right" if column in {"value", "weight"} else "left")
        price = _price(answer, source.output_amount)
        for row in factor_rows(
            source, price=price, oracle_price=answer.oracle_price, oracle_disagreement=answer.oracle_disagreement
        ):
            table.add_row(*row)
        console.print(table)
        for line in arithmetic(source, answer):
            console.print(line, highlight=False)


def _oracle_text(price: float, oracle_price: float | None) -> str:
    if oracle_price is None:
        return "unknown"
    return f"{price_text(oracle_price)} ({(price / oracle_price - 1) * 100:+.2f} %)"


def _cells(source: PrintedSource, answer: PrintedQuote) -> tuple[str, ...]:
    if source.error is not None:
        return (source.name, "none")
    return (
        source.name + (" (stale)" if source.is_stale else ""),
        amount_text(source.output_amount, answer.output),
        percent_text(source.price_impact_fraction),
        f"{source.confidence:.3f}",
        age_text(source.age_ms),
        str(source.slot or ""),
    )


def _route_lines(source: PrintedSource, answer: PrintedQuote, console: Console) -> list[str]:
    """The hops, or why there are none; those of a route that another source has told already are not told twice."""
    if source.error is not None:
        return [source.error]
    pools = [hop.pool_id for hop in source.route]
    for other in answer.sources[: answer.sources.index(source)]:
        if pools and pools == [hop.pool_id for hop in other.route]:
            return [f"the same as {other.name}"]
    return [_hop_text(hop, console) for hop in source.route]


def _hop_text(hop: PrintedHop, console: Console) -> str:
    origin = f", {hop.provenance}" if hop.provenance else ""
    part = f"{hop.leg_percent} % " if hop.leg_percent not in (0, 100) else ""
    return f"{part}through {hop.protocol} {key_text(hop.pool_id, whole=is_wide(console))}{origin}"
