"""What an event costs to write and to read: the codec of `quote_core.events` beside JSON and FlatBuffers' own Python.

    python benchmarks/events.py [--json]

The event is a two-hop opportunity as the scanner publishes it, the plan one of two hops. Reading gives the whole
frozen event, every offset checked; the official reader gives four fields of it, unchecked, as a stage would pick them.
Times are the best of several repeats, in one run, on one core. The specification's floor (section 11) is 0.6 us to
write and 0.4 us to read four fields, and half of JSON's bytes: a missed one is printed, nothing more.
"""

import argparse
import dataclasses
import enum
import json
import timeit
from collections.abc import Callable
from typing import Any, Final

import orjson
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import ExecutionPlan, Hop, TwoHopArbitrage, decode, encode, random_id, stamp
from quote_core.generated.events.v1.OpportunityEvent import OpportunityEvent
from quote_core.generated.events.v1.TwoHopArbitrage import TwoHopArbitrage as GeneratedTwoHop
from quote_core.quotes import Provenance
from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL, Pubkey

REPEATS: Final = 7
CALLS: Final = 2_000


def opportunity() -> TwoHopArbitrage:
    pair = load_tokens().pairs[0]
    return TwoHopArbitrage(
        header=stamp(SYSTEM_CLOCK, slot=436_453_879),
        pair=f"{pair.base.symbol}-{pair.quote.symbol}",
        input_mint=pair.base.mint,
        middle_mint=pair.quote.mint,
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
        quoted_unix_ns=SYSTEM_CLOCK.unix_ns(),
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
        header=stamp(SYSTEM_CLOCK, slot=found.header.slot),
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


def microseconds(call: Callable[[], object]) -> float:
    return min(timeit.repeat(call, number=CALLS, repeat=REPEATS)) / CALLS * 1e6


def measured() -> list[dict[str, Any]]:
    found = opportunity()
    rows = []
    for name, event in (("two-hop opportunity", found), ("plan of two hops", plan(found))):
        data, plain = encode(event), as_plain(event)
        text, packed = json.dumps(plain).encode(), orjson.dumps(plain)
        rows += [
            {
                "event": name,
                "codec": "FlatBuffers, ours",
                "bytes": len(data),
                "write_us": microseconds(lambda event=event: encode(event)),
                "read_us": microseconds(lambda data=data: decode(data)),
            },
            {
                "event": name,
                "codec": "json, plain values",
                "bytes": len(text),
                "write_us": microseconds(lambda plain=plain: json.dumps(plain)),
                "read_us": microseconds(lambda text=text: json.loads(text)),
            },
            {
                "event": name,
                "codec": "orjson, plain values",
                "bytes": len(packed),
                "write_us": microseconds(lambda plain=plain: orjson.dumps(plain)),
                "read_us": microseconds(lambda packed=packed: orjson.loads(packed)),
            },
        ]
    data = encode(found)
    rows.append(
        {
            "event": "two-hop opportunity",
            "codec": "flatc's reader, four fields",
            "bytes": len(data),
            "write_us": None,
            "read_us": microseconds(lambda: four_fields_officially(data)),
        }
    )
    rows.append(
        {
            "event": "(reference)",
            "codec": "an empty call",
            "bytes": 0,
            "write_us": None,
            "read_us": microseconds(lambda: None),
        }
    )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    rows = measured()
    if parser.parse_args().json:
        print(json.dumps(rows))
        return
    print(f"{'event':<22}{'codec':<30}{'bytes':>7}{'write us':>10}{'read us':>10}")
    for row in rows:
        write = "" if row["write_us"] is None else f"{row['write_us']:.2f}"
        print(f"{row['event']:<22}{row['codec']:<30}{row['bytes']:>7}{write:>10}{row['read_us']:>10.2f}")


if __name__ == "__main__":
    main()
