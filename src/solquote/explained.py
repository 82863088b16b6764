"""A reproduced quote for people and as JSON: accounts, arithmetic, score, and whether it came out as it was told."""

from typing import Any

from rich.console import Console
from rich.table import Table

from aggregator.confidence import Decision
from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.pool import Direction
from quote_core.dex.route_replay import ReplayedSwap
from quote_core.units import BPS, NS_PER_S, Pubkey
from solquote.answers import PrintedCap, PrintedHop, PrintedQuote, PrintedSource
from solquote.evidence import Evidence
from solquote.explanation import arithmetic, factor_rows
from solquote.formatting import amount_text, key_text, percent_text, short_key
from solquote.output import is_wide
from solquote.reproduction import Reproduction, Trust, trust_at

__all__ = ["explanation_json", "print_explanation"]

_HASH_SHOWN = 12


def explanation_json(reproduced: Reproduction, *, age_s: float, slippage_bps: int) -> dict[str, Any]:
    """All of it; amounts in smallest units."""
    evidence, clock = reproduced.evidence, reproduced.clock
    trust = trust_at(reproduced, age_s=age_s)
    return {
        "quote_id": evidence.quote_id.text,
        "source": "local" if evidence.answer is None else evidence.answer.provider,
        "software_version": evidence.software_version,
        "input_mint": evidence.input_mint,
        "output_mint": evidence.output_mint,
        "slot": evidence.quote_id.slot,
        "clock": clock and {"slot": clock.slot, "unix_timestamp": clock.unix_timestamp, "epoch": clock.epoch},
        "accounts": [
            {
                "pubkey": use.held.pubkey,
                "role": use.role,
                "owner": None if use.held.account is None else use.held.account.owner,
                "slot": use.held.slot,
                "size_bytes": 0 if use.held.account is None else len(use.held.account.data),
                "sha256": use.held.sha256,
                "is_intact": use.held.is_intact,
            }
            for use in reproduced.accounts
        ],
        "answer": evidence.answer
        and {
            "provider": evidence.answer.provider,
            "request": evidence.answer.request,
            "sent_unix_ns": evidence.answer.sent_unix_ns,
            "slot": evidence.answer.slot,
            "size_bytes": len(evidence.answer.body),
            "sha256": evidence.answer.sha256,
            "is_intact": evidence.answer.is_intact,
        },
        "swaps": [_swap_json(one) for one in reproduced.swaps],
        "input_amount": reproduced.input_amount,
        "output_amount": reproduced.output_amount,
        "price_impact": reproduced.price_impact,
        "slippage_bps": slippage_bps,
        **_bound_json(reproduced, slippage_bps),
        "confidence": trust and _trust_json(reproduced, trust),
        "checks": [
            {"what": check.what, "told": check.told, "reproduced": check.reproduced, "is_equal": check.is_equal}
            for check in reproduced.checks
        ],
        "failure": reproduced.failure or None,
        "is_equal": reproduced.is_equal,
    }


def _swap_json(one: ReplayedSwap) -> dict[str, Any]:
    swap = one.swap
    return {
        "pool_id": one.pool.address,
        "protocol": one.pool.dex.label,
        "leg": one.leg,
        "mode": swap.mode.value,
        "input_amount": swap.amount_in,
        "output_amount": swap.amount_out,
        "fee_amount": swap.fee_amount,
        "fee_mint": swap.fee_mint,
        "crossed_count": swap.crossed_count,
        "price_impact": one.price_impact,
        "steps": [{"what": step.what, "how": step.how, "value": step.value} for step in one.steps],
    }


def _trust_json(reproduced: Reproduction, trust: Trust) -> dict[str, Any]:
    confidence = trust.confidence
    return {
        "age_s": trust.age_s,
        "rate": trust.rate,
        "oracle_rate": reproduced.oracle_rate,
        "oracle_disagreement": reproduced.evidence.oracle_disagreement,
        "hop_count": reproduced.hop_count,
        "uptime": trust.uptime,
        "depth_amount": reproduced.depth_amount,
        "slippage_expected": trust.slippage_expected,
        "factors": confidence.factors._asdict(),
        "score": confidence.score,
        "caps": [
            {
                "reason": cap.reason.name.lower(),
                "value": cap.value,
                "limit": cap.limit,
                "at_most": cap.at_most.name.lower(),
            }
            for cap in confidence.caps
        ],
        "decision": confidence.decision.name.lower(),
    }


def _bound_json(reproduced: Reproduction, slippage_bps: int) -> dict[str, int]:
    if reproduced.evidence.wanted_output_amount:
        return {"max_input_amount": mul_div_ceil(reproduced.input_amount, BPS + slippage_bps, BPS)}
    return {"min_output_amount": mul_div_floor(reproduced.output_amount, BPS - slippage_bps, BPS)}


def print_explanation(reproduced: Reproduction, console: Console, *, age_s: float, slippage_bps: int) -> None:
    """The same for people."""
    evidence, asked = reproduced.evidence, reproduced.evidence.quote_id
    source = "our own engine" if evidence.answer is None else evidence.answer.provider
    sold, bought = (
        _amount(evidence, evidence.input_mint, asked.input_amount),
        _amount(evidence, evidence.output_mint, asked.output_amount),
    )
    console.print(f"[bold]{sold} -> {bought}[/], by {source}, slot {asked.slot}", highlight=False)
    console.print(f"evidence of solquote {evidence.software_version}", highlight=False)
    if evidence.answer is not None:
        _print_answer(reproduced, console)
    else:
        _print_accounts(reproduced, console)
    for number, one in enumerate(reproduced.swaps, start=1):
        _print_swap(number, one, reproduced, console)
    if not reproduced.failure:
        _print_result(reproduced, console, slippage_bps=slippage_bps)
        _print_trust(reproduced, console, age_s=age_s)
    _print_verdict(reproduced, console)


def _print_answer(reproduced: Reproduction, console: Console) -> None:
    answer = reproduced.evidence.answer
    assert answer is not None
    console.print(f"\nasked {answer.provider} for {answer.request}", highlight=False, markup=False)
    sent_s = answer.sent_unix_ns / NS_PER_S
    told = f"{len(answer.body)} bytes after {answer.latency_ms:.0f} ms, sent at unix time {sent_s:.3f}"
    intact = "as told" if answer.is_intact else "ANOTHER HASH"
    console.print(f"answered {told}, sha256 {answer.sha256} ({intact})", highlight=False)
    console.print(answer.body.decode(errors="replace"), highlight=False, markup=False, soft_wrap=True)


def _print_accounts(reproduced: Reproduction, console: Console) -> None:
    wide = is_wide(console)
    table = Table(box=None, pad_edge=False, title_justify="left")
    for column in ("account", "role", "slot", "bytes", "sha256", ""):
        table.add_column(column, justify="right" if column in {"slot", "bytes"} else "left", no_wrap=True)
    for use in reproduced.accounts:
        held = use.held
        size = "absent" if held.account is None else str(len(held.account.data))
        table.add_row(
            key_text(held.pubkey, whole=wide),
            use.role,
            str(held.slot),
            size,
            held.sha256 if wide else held.sha256[:_HASH_SHOWN],
            "" if held.is_intact else "[bold red]ANOTHER HASH[/]",
        )
    console.print()
    console.print(table)
    clock = reproduced.clock
    if clock is not None:
        told = f"slot {clock.slot}, unix time {clock.unix_timestamp}, epoch {clock.epoch}"
        console.print(f"the chain's clock: {told}", highlight=False)


def _print_swap(number: int, one: ReplayedSwap, reproduced: Reproduction, console: Console) -> None:
    evidence, pool, swap = reproduced.evidence, one.pool, one.swap
    mints = (pool.mint_a, pool.mint_b) if swap.direction is Direction.A_TO_B else (pool.mint_b, pool.mint_a)
    names = " -> ".join(_symbol(evidence, mint) for mint in mints)
    part = f", part {one.leg + 1}" if len({other.leg for other in reproduced.swaps}) > 1 else ""
    where = key_text(pool.address, whole=is_wide(console))
    console.print(f"\n[bold]swap {number}[/]: {names} through {pool.dex.label} {where}{part}", highlight=False)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for step in one.steps:
        table.add_row(step.what, step.how, str(step.value))
    console.print(table)
    crossed = f", {swap.crossed_count} ticks or bins" if swap.crossed_count else ""
    fee = f"fee {_amount(evidence, swap.fee_mint, swap.fee_amount)}"
    console.print(
        f"in {swap.amount_in}, out {swap.amount_out}, {fee}, price impact {percent_text(one.price_impact)}{crossed}",
        highlight=False,
    )


def _print_result(reproduced: Reproduction, console: Console, *, slippage_bps: int) -> None:
    given, got = reproduced.input_amount, reproduced.output_amount
    console.print(
        f"\ninput {given}, output {got}, price impact {percent_text(reproduced.price_impact)}", highlight=False
    )
    if reproduced.evidence.wanted_output_amount:
        console.print(f"wanted output {reproduced.evidence.wanted_output_amount}", highlight=False)
        bound = mul_div_ceil(given, BPS + slippage_bps, BPS)
        console.print(f"maximum in ceil({given} x {BPS + slippage_bps} / {BPS}) = {bound}", highlight=False)
    else:
        bound = mul_div_floor(got, BPS - slippage_bps, BPS)
        console.print(f"minimum out floor({got} x {BPS - slippage_bps} / {BPS}) = {bound}", highlight=False)


def _print_trust(reproduced: Reproduction, console: Console, *, age_s: float) -> None:
    trust = trust_at(reproduced, age_s=age_s)
    if trust is None:
        return
    quote = _printed(reproduced, trust)
    source = quote.sources[0]
    console.print(f"\n[bold]confidence[/] {source.confidence:.4f} at an age of {age_s:g} s", highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in ("factor", "from", "value", "weight"):
        table.add_column(column, justify="right" if column in {"value", "weight"} else "left")
    for row in factor_rows(
        source,
        price=trust.rate,
        oracle_price=reproduced.oracle_rate,
        oracle_disagreement=reproduced.evidence.oracle_disagreement,
    ):
        table.add_row(*row)
    console.print(table)
    for line in arithmetic(source, quote):
        console.print(line, highlight=False)
    if reproduced.evidence.answer is not None:
        console.print(
            "the oracle's rate is the aggregator's when it was asked for this; a provider tells no depth",
            highlight=False,
        )


def _printed(reproduced: Reproduction, trust: Trust) -> PrintedQuote:
    """As `solquote quote --explain` has it."""
    evidence, confidence = reproduced.evidence, trust.confidence
    tokens = evidence.token(evidence.input_mint), evidence.token(evidence.output_mint)
    assert tokens[0] is not None
    assert tokens[1] is not None
    name = "local" if evidence.answer is None else evidence.answer.provider
    source = PrintedSource(
        name=name,
        output_amount=reproduced.output_amount,
        price_impact_fraction=reproduced.price_impact,
        confidence=confidence.score,
        factors=confidence.factors._asdict(),
        caps=tuple(
            PrintedCap(
                reason=cap.reason.name.lower(), value=cap.value, limit=cap.limit, at_most=cap.at_most.name.lower()
            )
            for cap in confidence.caps
        ),
        age_ms=round(trust.age_s * 1_000),
        is_stale=False,
        slot=evidence.quote_id.slot,
        route=tuple(
            PrintedHop(
                pool_id=hop.pool_id,
                protocol=hop.protocol,
                input_mint=hop.input_mint,
                output_mint=hop.output_mint,
                input_amount=hop.input_amount,
                output_amount=hop.output_amount,
                provenance="",
            )
            for hop in evidence.route
        ),
        error=None,
    )
    return PrintedQuote(
        input=tokens[0],
        output=tokens[1],
        input_amount=reproduced.input_amount,
        output_amount=reproduced.output_amount,
        best=name,
        decision=Decision(confidence.decision).name.lower(),
        oracle_price=reproduced.oracle_rate,
        sources=(source,),
    )


def _print_verdict(reproduced: Reproduction, console: Console) -> None:
    console.print()
    different = [check for check in reproduced.checks if not check.is_equal]
    for check in different:
        console.print(
            f"[bold red]DIFFERENT[/] {check.what}: told {check.told}, reproduced {check.reproduced}", highlight=False
        )
    if reproduced.failure:
        console.print(f"[bold red]NOT REPRODUCED[/]: {reproduced.failure}", highlight=False)
    elif reproduced.is_equal:
        console.print(
            f"reproduced: equal, {len(reproduced.checks)} of {len(reproduced.checks)} checks", highlight=False
        )
    else:
        told = f"{len(different)} of {len(reproduced.checks)} checks differ"
        console.print(f"[bold red]reproduced: DIFFERENT[/], {told}", highlight=False)


def _symbol(evidence: Evidence, mint: Pubkey) -> str:
    token = evidence.token(mint)
    return short_key(mint) if token is None else token.symbol


def _amount(evidence: Evidence, mint: Pubkey, amount: int) -> str:
    token = evidence.token(mint)
    return f"{amount} of {short_key(mint)}" if token is None else f"{amount_text(amount, token)} {token.symbol}"
