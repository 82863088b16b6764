"""An event's verdict for people and as JSON: legs, sums, factors against their limits, risk term by term, and why."""

from typing import Any, Final

from rich.console import Console
from rich.table import Table

from pipeline.planner.factors import FactorCheck, PlanVerdict
from pipeline.planner.proposed import proposed_trip
from pipeline.planner.risk import AGE_MS_FULL, PROFIT_PCT_FREE, SLIPPAGE_BPS_FULL, WEIGHTS
from pipeline.planner.settings import PlannerSettings
from quote_core.clock import AGE_UNKNOWN_NS
from quote_core.events import ExecutionPlan, ExecutionResult, TriangularArbitrage, TwoHopArbitrage
from quote_core.events.json_form import event_json
from quote_core.settings import environment_name
from quote_core.units import NS_PER_MS
from solquote.event_verdict import EventVerdict, Sum
from solquote.formatting import key_text
from solquote.moments import utc_text
from solquote.output import is_wide

__all__ = ["event_verdict_json", "print_event_verdict"]


def event_verdict_json(told: EventVerdict, where: str) -> dict[str, Any]:
    """All of it; amounts in smallest units, ages in nanoseconds."""
    judged = told.judged
    return {
        "found_in": where,
        "event": event_json(told.event),
        "ids": told.ids,
        "sums": [
            {"what": one.what, "how": one.how, "value": one.value, "told": one.told, "is_equal": one.is_equal}
            for one in told.sums
        ],
        "limits_from": told.limits_from or None,
        "factors": judged and [_check_json(check) for check in judged.checks],
        "risk": judged
        and {
            "score": judged.risk,
            "figures": judged.risk_figures._asdict(),
            "terms": judged.risk_terms._asdict(),
            "weights": WEIGHTS._asdict(),
        },
        "verdict": told.verdict,
        "reasons": list(told.reasons),
        "notes": list(told.notes),
        "is_equal": told.is_equal,
    }


def _check_json(check: FactorCheck) -> dict[str, Any]:
    return {
        "reason": check.reason.name.lower(),
        "what": check.what,
        "value": check.value,
        "bound": check.bound,
        "limit": check.limit,
        "unit": check.unit,
        "setting": _setting(check),
        "holds": check.holds,
    }


def print_event_verdict(told: EventVerdict, where: str, console: Console) -> None:
    """The same for people."""

    def line(text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    event, header = told.event, told.event.header
    line(f"{type(event).__name__} {header.event_id.hex()}, {event.pair}, slot {header.slot}", "bold")
    line(f"made {utc_text(header.created_unix_ns)}, found in {where}")
    for name, event_id in told.ids.items():
        may_be = "" if hasattr(event, name) else ", if there is one"
        line(f"its {name.removesuffix('_id')}{may_be}: {event_id}")
    match event:
        case TwoHopArbitrage():
            line(f"\nin {event.amount_in}, between {event.amount_middle}, out {event.amount_out}")
        case TriangularArbitrage():
            _print_legs(event, console)
        case ExecutionPlan():
            _print_hops(event, console)
            for text in _plan_lines(event):
                line(text)
        case ExecutionResult():
            _print_hops(event, console)
            for text in _result_lines(event):
                line(text)
    line("")
    for one in told.sums:
        line(_sum_text(one), None if one.is_equal else "bold red")
    if told.judged is not None:
        line("")
        console.print(_factor_table(told.judged, wide=is_wide(console)))
        line(_LIMITS_FROM[told.limits_from] + ("" if is_wide(console) else "; --wide names the settings"))
        line(_risk_text(told.judged))
    line("")
    for note in told.notes:
        line(note)
    line(told.verdict + (": " + ", ".join(told.reasons) if told.reasons else ""), "bold")
    differing_count = sum(not one.is_equal for one in told.sums)
    if differing_count:
        line(f"reproduced: DIFFERENT, {differing_count} of {len(told.sums)} sums differ", "bold red")
    else:
        line(f"reproduced: equal, {len(told.sums)} of {len(told.sums)} sums")


_LIMITS_FROM: Final = {
    "settings": "limits are the settings this command finds; an opportunity carries none",
    "plan": "limits are those the plan tells, as its planner had them",
}


def _print_legs(cycle: TriangularArbitrage, console: Console) -> None:
    wide = is_wide(console)
    table = Table(box=None, pad_edge=False)
    for column in ("from", "to"):
        table.add_column(column, no_wrap=True)
    for column in ("in", "out at least", "route", "row"):
        table.add_column(column, justify="right", no_wrap=True)
    trip = proposed_trip(cycle)
    for position, (given, taken) in enumerate(trip.hops):
        table.add_row(
            key_text(given, whole=wide),
            key_text(taken, whole=wide),
            *map(str, trip.amounts[position : position + 2]),
            *(str(of[position]) if position < len(of) else "" for of in (cycle.route_ids, cycle.rows)),
        )
    console.print()
    console.print(table)


def _print_hops(event: ExecutionPlan | ExecutionResult, console: Console) -> None:
    if not event.hops:
        return
    leasts = event.hop_min_amounts_out if isinstance(event, ExecutionPlan) else ()
    wide = is_wide(console)
    table = Table(box=None, pad_edge=False)
    for column in ("from", "to"):
        table.add_column(column, no_wrap=True)
    for column in ("in", "out", *(("at least",) if leasts else ())):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("pool", "provenance"):
        table.add_column(column, no_wrap=True)
    for position, hop in enumerate(event.hops):
        least = (str(leasts[position]) if position < len(leasts) else "",) if leasts else ()
        table.add_row(
            key_text(hop.input_mint, whole=wide),
            key_text(hop.output_mint, whole=wide),
            str(hop.input_amount),
            str(hop.output_amount),
            *least,
            key_text(hop.pool_id, whole=wide),
            hop.provenance.name.lower(),
        )
    console.print()
    console.print(table)


def _plan_lines(plan: ExecutionPlan) -> tuple[str, ...]:
    lifetime_ns = plan.expires_unix_ns - plan.header.created_unix_ns
    return (
        f"in {plan.amount_in}, expected out {plan.expected_amount_out}, at least {plan.min_amount_out}",
        f"compute units {plan.compute_unit_limit}, priority fee {plan.priority_fee_lamports} lamports,"
        f" tip {plan.tip_lamports} lamports",
        f"expires {utc_text(plan.expires_unix_ns)}, {_ms_text(lifetime_ns)} after it was made",
        f"priority: risk {plan.risk_score:.4f}; of the plans that wait for an executor the lowest is begun first",
    )


def _result_lines(result: ExecutionResult) -> tuple[str, ...]:
    effects = {
        "depth that paper had taken": result.taken_effect_lamports,
        "the market moved until landing": result.latency_effect_lamports,
        "a rival was first": result.rivals_effect_lamports,
    }
    naive_lamports = result.profit_lamports - sum(effects.values())
    models = ", ".join(f"{what} {lamports:+}" for what, lamports in effects.items() if lamports)
    expected, made = result.expected_profit_lamports, result.profit_lamports
    planned_ns = result.plan_created_unix_ns - result.opportunity_created_unix_ns
    taken_ns = result.taken_unix_ns - result.plan_created_unix_ns
    ended_ns = result.finished_unix_ns - result.taken_unix_ns
    return (
        f"mode {result.mode.name.lower()}, by {result.executor}" + (f", run {result.run_id}" if result.run_id else ""),
        f"in {result.amount_in}, expected out {result.expected_amount_out}, out {result.actual_amount_out}",
        f"expected profit {expected} lamports, made {made}, {made - expected:+}",
        f"filled at once, alone in the market: {naive_lamports}" + (f"; {models}" if models else ""),
        f"planned {_ms_text(planned_ns)} after it was found, taken {_ms_text(taken_ns)} later,"
        f" ended {_ms_text(ended_ns)} later, by the wall clocks of the hosts",
    )


def _sum_text(one: Sum) -> str:
    text = f"{one.what}: {one.how} = {one.value}"
    return text if one.is_equal else f"{text}, DIFFERENT from what was told: {one.told}"


def _factor_table(judged: PlanVerdict, *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("factor", no_wrap=True)
    table.add_column("what")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("limit", no_wrap=True)
    if wide:
        table.add_column("setting", no_wrap=True)
    table.add_column("", no_wrap=True)
    for check in judged.checks:
        table.add_row(
            check.reason.name.lower(),
            check.what,
            _value_text(check.value, check.unit),
            f"{check.bound} {_value_text(check.limit, check.unit if wide or check.unit == 'ns' else '')}",
            *((_setting(check),) if wide else ()),
            "holds" if check.holds else "[bold red]FAILS[/]",
        )
    return table


def _setting(check: FactorCheck) -> str:
    return environment_name(PlannerSettings.section, check.setting) if check.setting else ""


def _value_text(value: float, unit: str) -> str:
    if unit == "ns":
        return "unknown" if value >= AGE_UNKNOWN_NS else _ms_text(int(value))
    number = str(value) if isinstance(value, int) else f"{value:.4f}".rstrip("0").rstrip(".")
    return f"{number} {unit}".rstrip()


def _ms_text(span_ns: int) -> str:
    return f"{span_ns / NS_PER_MS:.3f}".rstrip("0").rstrip(".") + " ms"


def _risk_text(judged: PlanVerdict) -> str:
    figures, terms, weights = judged.risk_figures, judged.risk_terms, WEIGHTS
    formula = (
        f"{weights.age} ({figures.age_ms:g} / {AGE_MS_FULL})"
        f" + {weights.profit} (1 - {figures.profit_pct:g} / {PROFIT_PCT_FREE})"
        f" + {weights.confidence} (1 - {figures.confidence:g})"
        f" + {weights.slippage} ({figures.slippage_bps:g} / {SLIPPAGE_BPS_FULL})"
    )
    clamped = " + ".join(f"{term:.4f}" for term in terms)
    return f"risk: {formula}, each term between 0 and its weight, = {clamped} = {judged.risk:.4f}"
