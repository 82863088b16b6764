"""What an event costs to write and to read: the codec of `quote_core.events` beside orjson on the same event.

    python benchmarks/events.py [--json]

One event of each class, as its stage publishes it. Ours writes the frozen event and reads it whole, every offset
checked, or four fields of it; orjson writes and reads plain values made beforehand, so
it is spared what making events of them would cost. The standard library's JSON and flatc's own reader, unchecked,
stand beside the opportunity. Times are the best of many short rounds in turns, in one run, on one core.

The specification's floor (section 11) is 0.6 us to write, 0.4 us to read four fields, and half of JSON's bytes; ours
adds that no event may take longer than orjson. A missed one is printed, nothing more.
"""

import argparse
import dataclasses
import enum
import json
import operator
import timeit
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.events import (
    EVENT_KINDS,
    Claim,
    Event,
    ExecutionMode,
    ExecutionPlan,
    ExecutionResult,
    Header,
    Hop,
    KillSwitch,
    LargeTrade,
    Lifecycle,
    LiquidityUpdate,
    Outcome,
    Phase,
    PnlSnapshot,
    PoolStateChange,
    PriceDivergence,
    PriceUpdate,
    Rejection,
    RejectionCount,
    ServiceHealth,
    SlotUpdate,
    SpreadUpdate,
    StopRequest,
    TakenDepth,
    Trace,
    TradingState,
    TwoHopArbitrage,
    VolumeSpike,
    decode,
    encode,
    random_id,
    stamp,
    view,
)
from quote_core.freshness import Freshness
from quote_core.generated.events.v1.OpportunityEvent import OpportunityEvent
from quote_core.generated.events.v1.TwoHopArbitrage import TwoHopArbitrage as GeneratedTwoHop
from quote_core.quotes import Provenance
from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL, Pubkey

ROUNDS: Final = 200
CALLS: Final = 200
WRITE_FLOOR_US: Final = 0.6
READ_FOUR_FLOOR_US: Final = 0.4
FOUR: Final = ("pair", "amount_in", "net_profit_lamports", "confidence_bps")
PAIR: Final = load_tokens().pairs[0]
NOW: Final = moment(SYSTEM_CLOCK)
FRESH: Final = Freshness(NOW, 436_453_879, NOW.unix_ns, 436_453_870, NOW.unix_ns // 10**9)


def header() -> Header:
    trace = Trace(trace_id=random_id(), span_id=random_id()[:8], flags=1)
    return stamp(SYSTEM_CLOCK, slot=436_453_879, trace=trace)


def opportunity() -> TwoHopArbitrage:
    return TwoHopArbitrage(
        header=header(),
        pair=f"{PAIR.base.symbol}-{PAIR.quote.symbol}",
        input_mint=PAIR.base.mint,
        middle_mint=PAIR.quote.mint,
        amount_in=126 * LAMPORTS_PER_SOL,
        amount_middle=97_157_399_113,
        amount_out=126_969_957_259,
        forward_route_id=14_785_503_960_733_045_566,
        reverse_route_id=16_126_809_226_408_730_380,
        forward_row=71,
        reverse_row=671,
        gross_profit_lamports=969_957_259,
        net_profit_lamports=906_942_259,
        gross_profit_bps=76,
        flash_fee_lamports=63_000_000,
        tip_lamports=10_000,
        network_fee_lamports=5_000,
        confidence_bps=9_677,
        price_impact_ppm=6_720,
        quoted_unix_ns=NOW.unix_ns,
        created=NOW,
        freshness=FRESH,
    )


def plan(found: TwoHopArbitrage) -> ExecutionPlan:
    pools = [Pubkey(str(SoldersPubkey(random_id() * 2))) for _ in range(2)]
    mints = (found.input_mint, found.middle_mint)
    hops = tuple(
        Hop(
            pool_id=pools[position],
            input_mint=mints[position],
            output_mint=mints[1 - position],
            input_amount=found.amount_in,
            output_amount=found.amount_out,
            provenance=Provenance.CHAIN,
        )
        for position in range(2)
    )
    return ExecutionPlan(
        header=header(),
        opportunity_id=found.header.event_id,
        pair=found.pair,
        hops=hops,
        amount_in=found.amount_in,
        expected_amount_out=found.amount_out,
        min_amount_out=found.amount_out,
        gross_profit_lamports=found.gross_profit_lamports,
        net_profit_lamports=found.net_profit_lamports,
        flash_fee_lamports=found.flash_fee_lamports,
        tip_lamports=found.tip_lamports,
        signature_fee_lamports=5_000,
        priority_fee_lamports=0,
        compute_unit_limit=400_000,
        slippage_bps=68,
        confidence_bps=found.confidence_bps,
        risk_score=0.41,
        opportunity_created_unix_ns=found.header.created_unix_ns,
        expires_unix_ns=found.header.created_unix_ns + 5 * 10**9,
        created=NOW,
        freshness=FRESH,
    )


def as_plain(value: Any) -> Any:
    """What JSON can hold, made beforehand: only the encoding itself is timed."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [as_plain(each) for each in value]
    if isinstance(value, bytes):
        return value.hex()
    return value.value if isinstance(value, enum.Enum) else value


def four_fields_officially(data: bytes) -> tuple[object, ...]:
    root = OpportunityEvent.GetRootAs(data)
    table, body = root.Body(), GeneratedTwoHop()
    body.Init(table.Bytes, table.Pos)
    return body.Pair(), body.AmountIn(), body.NetProfitLamports(), body.ConfidenceBps()


def others(found: TwoHopArbitrage, planned: ExecutionPlan) -> Sequence[Event]:
    """One of each other class."""
    return (
        PriceDivergence(
            header=header(),
            pair=found.pair,
            input_mint=found.input_mint,
            output_mint=found.middle_mint,
            amount_in=found.amount_in,
            amount_out=found.amount_middle,
            route_id=found.forward_route_id,
            row=71,
            rate=142.531,
            oracle_price=139.98,
            divergence_bps=182,
            confidence_bps=9_677,
            quoted_unix_ns=NOW.unix_ns,
            freshness=FRESH,
        ),
        ExecutionResult(
            header=header(),
            plan_id=planned.header.event_id,
            opportunity_id=planned.opportunity_id,
            pair=planned.pair,
            outcome=Outcome.FILLED,
            mode=ExecutionMode.PAPER,
            reason="",
            hops=planned.hops,
            amount_in=planned.amount_in,
            expected_amount_out=planned.expected_amount_out,
            actual_amount_out=planned.expected_amount_out,
            expected_profit_lamports=planned.net_profit_lamports,
            profit_lamports=planned.net_profit_lamports,
            flash_fee_lamports=planned.flash_fee_lamports,
            tip_lamports=10_000,
            network_fee_lamports=5_000,
            opportunity_created_unix_ns=NOW.unix_ns,
            plan_created_unix_ns=NOW.unix_ns,
            taken_unix_ns=NOW.unix_ns,
            finished_unix_ns=NOW.unix_ns,
            executor="executor-1",
            run_id="recorded-4711",
            taken_effect_lamports=-40_000,
            taken=tuple(
                TakenDepth(
                    pool_id=hop.pool_id,
                    input_mint=hop.input_mint,
                    input_amount=hop.input_amount,
                    price_before=142.531,
                    price_after=142.502,
                    since_slot=436_453_879,
                )
                for hop in planned.hops
            ),
        ),
        Claim(
            header=header(),
            plan_id=planned.header.event_id,
            opportunity_id=planned.opportunity_id,
            hops=planned.hops,
            executor="executor-1",
            begun=NOW,
        ),
        PnlSnapshot(
            header=header(),
            filled_count=12_042,
            refused_count=311,
            failed_count=27,
            win_count=11_871,
            cumulative_profit_lamports=1_906_942_259,
            expected_profit_lamports=2_017_335_112,
            day_profit_lamports=806_942_259,
            average_profit_lamports=158_357.6,
            flash_fee_lamports=63_000_000,
            tip_lamports=120_420_000,
            network_fee_lamports=60_210_000,
            sharpe_ratio=1.27,
            max_drawdown_lamports=4_310_000,
            max_drawdown_fraction=0.0021,
            first_result_unix_ns=NOW.unix_ns,
            last_result_unix_ns=NOW.unix_ns,
            run_id="recorded-4711",
        ),
        ServiceHealth(
            header=header(),
            service="planner",
            instance="4242",
            serving=True,
            detail="",
            uptime_ms=86_400_000,
            window_ms=5_000,
            handled_count=812,
            error_count=0,
            rpc_call_count=96,
            rpc_failure_count=1,
            memory_used_bytes=91_234_304,
            memory_limit_bytes=0,
            slot_drift=1,
            rejected=tuple(RejectionCount(reason=reason, count=17) for reason in Rejection),
        ),
        KillSwitch(
            header=header(),
            state=TradingState.HALTED,
            trigger="drawdown",
            reason="lost 3.2 SOL of 100 since midnight",
            actor="rule drawdown",
            revision=17,
            changed_unix_ns=NOW.unix_ns,
            sent=NOW,
            stops_seen=4,
        ),
        Lifecycle(header=header(), service="scanner", instance="4242", phase=Phase.READY, pid=4_242, detail=""),
        StopRequest(
            header=header(), state=TradingState.HALTED, trigger="manual", reason="maintenance", actor="person alice"
        ),
        *market_events(planned.hops[0]),
    )


def market_events(hop: Hop) -> tuple[Event, ...]:
    """What a quote service tells, of the pool of a hop."""
    pair, pool_id = f"{PAIR.base.symbol}-{PAIR.quote.symbol}", hop.pool_id
    one, other = hop.input_mint, hop.output_mint
    return (
        PriceUpdate(
            header=header(),
            pair=pair,
            input_mint=one,
            output_mint=other,
            input_amount=LAMPORTS_PER_SOL,
            output_amount=771_090_468,
            route_id=14_785_503_960_733_045_566,
            oracle_price=0.7714,
            pool_id=pool_id,
        ),
        SlotUpdate(header=header(), parent_slot=436_453_878, unix_timestamp=NOW.unix_ns // 10**9),
        LiquidityUpdate(
            header=header(),
            pool_id=pool_id,
            depth_a_amount=5_210_450_000_000,
            depth_b_amount=4_020_110_000_000,
            pair=pair,
            mint_a=one,
            mint_b=other,
        ),
        LargeTrade(
            header=header(),
            pool_id=pool_id,
            input_mint=one,
            output_mint=other,
            input_amount=hop.input_amount,
            output_amount=hop.output_amount,
            signature="",
            pair=pair,
            value_lamports=126 * LAMPORTS_PER_SOL,
        ),
        SpreadUpdate(
            header=header(),
            pair=pair,
            spread_bps=4,
            amount_lamports=LAMPORTS_PER_SOL,
            middle_amount=771_090_468,
            return_lamports=999_612_004,
            forward_pool_id=pool_id,
            reverse_pool_id=pool_id,
        ),
        VolumeSpike(
            header=header(),
            pool_id=pool_id,
            window_ms=60_000,
            volume_amount=8_120_450_000_000,
            usual_volume_amount=610_450_000_000,
            pair=pair,
            mint_a=one,
            deviation_amount=88_120_000_000,
            window_count=30,
        ),
        PoolStateChange(header=header(), pool_id=pool_id, tradable=False, reason="the pool is paused", pair=pair),
    )


def in_turns(calls: Sequence[Callable[[], object]]) -> list[float]:
    """Microseconds a call, each the best of its rounds."""
    best = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for number, call in enumerate(calls):
            best[number] = min(best[number], timeit.timeit(call, number=CALLS) / CALLS * 1e6)
    return best


def measured(event: Event) -> dict[str, Any]:
    """One class's row: ours and orjson, in turns."""
    data, plain = encode(event), as_plain(event)
    text = orjson.dumps(plain)
    names = [name for name, value in plain.items() if name != "header" and not isinstance(value, list)]
    four = operator.itemgetter(*(FOUR if set(FOUR) <= set(names) else names[:4]))
    write, read, some, orjson_write, orjson_read = in_turns(
        (
            lambda: encode(event),
            lambda: decode(data),
            lambda: four(view(data)),
            lambda: orjson.dumps(plain),
            lambda: orjson.loads(text),
        )
    )
    return {
        "event": type(event).__name__,
        "bytes": len(data),
        "write_us": write,
        "read_us": read,
        "read_four_us": some,
        "orjson_bytes": len(text),
        "orjson_write_us": orjson_write,
        "orjson_read_us": orjson_read,
    }


def references(found: TwoHopArbitrage) -> list[dict[str, Any]]:
    """What else there is, on the opportunity."""
    data, plain = encode(found), as_plain(found)
    text = json.dumps(plain).encode()
    json_write, json_read, official, empty = in_turns(
        (
            lambda: json.dumps(plain),
            lambda: json.loads(text),
            lambda: four_fields_officially(data),
            lambda: None,
        )
    )
    return [
        {"reference": "json, plain values", "bytes": len(text), "write_us": json_write, "read_us": json_read},
        {"reference": "flatc's reader, four fields", "bytes": len(data), "write_us": None, "read_us": official},
        {"reference": "an empty call", "bytes": 0, "write_us": None, "read_us": empty},
    ]


def missed(row: dict[str, Any]) -> str:
    """Which floors a row misses."""
    floors = {
        "write": row["write_us"] <= WRITE_FLOOR_US,
        "four": row["read_four_us"] <= READ_FOUR_FLOOR_US,
        "bytes": row["bytes"] * 2 <= row["orjson_bytes"],
        "write as orjson": row["write_us"] <= row["orjson_write_us"],
        "read as orjson": row["read_us"] <= row["orjson_read_us"],
    }
    return ", ".join(name for name, is_met in floors.items() if not is_met)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    found = opportunity()
    planned = plan(found)
    events = (found, planned, *others(found, planned))
    assert {type(event) for event in events} == {kind.event for kind in EVENT_KINDS}
    rows, beside = [measured(event) for event in events], references(found)
    if as_json:
        print(json.dumps([*rows, *beside]))
        return
    print(f"{'':<17}|{'ours':^43}|{'orjson':^26}|{'ours / orjson':^15}|")
    print(
        f"{'event':<17}|{'bytes':>7}{'write us':>10}{'read us':>10}{'four fields us':>16}"
        f"|{'bytes':>6}{'write us':>10}{'read us':>10}|{'write':>7}{'read':>7} | missed"
    )
    for row in rows:
        print(
            f"{row['event']:<17}|{row['bytes']:>7}{row['write_us']:>10.2f}{row['read_us']:>10.2f}"
            f"{row['read_four_us']:>16.2f}|{row['orjson_bytes']:>6}{row['orjson_write_us']:>10.2f}"
            f"{row['orjson_read_us']:>10.2f}|{row['write_us'] / row['orjson_write_us']:>7.2f}"
            f"{row['read_us'] / row['orjson_read_us']:>7.2f} | {missed(row)}"
        )
    print(f"\nfloors: write {WRITE_FLOOR_US} us, four fields {READ_FOUR_FLOOR_US} us, half of JSON's bytes, ratios 1")
    for row in beside:
        write = "" if row["write_us"] is None else f"{row['write_us']:.2f}"
        print(f"{row['reference']:<30}{row['bytes']:>7}{write:>10}{row['read_us']:>10.2f}")


if __name__ == "__main__":
    main()
