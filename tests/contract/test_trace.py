"""One trace through every process, with an exporter in memory: what each hands to the next is all the next one has.

Between local quote service, aggregator and scanner that is the quote alone; on the bus it is the event's bytes.
"""

import asyncio

from fakes.fake_clock import FakeClock
from fakes.held_market import SOL, USDC, HeldMarket
from fakes.held_quotes import held as held_quote
from fakes.held_quotes import written
from fakes.pipeline_events import USDC_BACK, round_trip_hops
from fakes.scanner_turn import HeldTurn
from fakes.shm_quotes import FakeQuotes, quote
from fakes.traced import Spans, parent_of, traced
from fakes.vouched import vouched
from fakes.waiting import eventually
from opentelemetry.sdk.trace import ReadableSpan

from aggregator.spans import WrittenSpans
from pipeline.auditor.reading import Books
from pipeline.auditor.usd import SolPrices
from pipeline.costs import costs_of_plan
from pipeline.executor.result import filled, result_of
from pipeline.planner.planner import Planner
from pipeline.planner.settings import PlannerSettings
from pipeline.scanner.book import Book
from pipeline.scanner.loop import Scanner
from pipeline.scanner.settings import ScannerSettings
from pipeline.settings import CostSettings
from pipeline.simulation import RouteHopRequest, Simulation
from quote_core.bus.follow import Followed
from quote_core.events import Event, ExecutionMode, ExecutionPlan, TwoHopArbitrage, decode, encode, subject_of
from quote_core.quotes import QuoteKey, route_id
from quote_core.telemetry import traces
from quote_core.tokens import load_tokens
from quote_core.units import LAMPORTS_PER_SOL

RATES = CostSettings().rates()
GAINING = LAMPORTS_PER_SOL * 101 // 100


class Wire:
    """What travels on the bus, as bytes."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def publish(self, event: Event) -> None:
        with traces.sending(subject_of(event), size_bytes=len(encode(event))):
            self.sent.append(encode(event))


class Open:
    allows_new_trades = True


class Simulator:
    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    async def simulate(self, hops: tuple[RouteHopRequest, ...], amount_in: int) -> Simulation:
        return Simulation(
            hops=round_trip_hops(amount_in, USDC_BACK, GAINING),
            amount_out=GAINING,
            slot=401,
            freshness=vouched(self._clock, age_ns=1_000_000, slot=401),
            price_impact_fractions=(0.0001, 0.0002),
            depth_amounts=(10**13, 10**13),
        )


async def local_output(spans: Spans) -> int:
    """The local quote service: a swap's notification changes one SOL's worth in USDC, which is returned."""
    held = HeldMarket()
    pool = held.add("p", 10**15, 140 * 10**12)
    rows = held.subscribe((SOL, USDC, LAMPORTS_PER_SOL))
    rows.take()
    held.notify(pool, a=10**15 - 10**12)
    (row,) = rows.take()
    quote_now = held.market.table.row(row).quote
    assert quote_now is not None
    await eventually(lambda: bool(spans.named("account update")))
    return quote_now.swap.output_amount


async def scan(clock: FakeClock, wire: Wire, output_amount: int) -> TwoHopArbitrage:
    """The scanner: shared memory holds the quote, and now a way back that gains."""
    quotes = FakeQuotes()
    settings = ScannerSettings(divergence_bps_min=10**6)
    scanner = Scanner(
        quotes=quotes,
        book=Book(load_tokens().pairs, amount_count=1),
        publisher=wire,
        gate=Open(),
        turn=HeldTurn(),
        clock=clock,
        rates=RATES,
        thresholds=settings.thresholds(),
        quote_age_ns_max=settings.quote_age_max,
    )
    there = quote(0, ts_ns=clock.unix_ns(), output_amount=output_amount, route_id=route_id(["p"]))
    back = quote(
        1, is_reverse=True, input_amount=output_amount, output_amount=GAINING, ts_ns=clock.unix_ns(), oracle_price=0.0
    )
    quotes.put(there, back)
    await scanner.look_at((1,))  # the book knows the way back only
    await scanner.look_at((0,))
    found = decode(wire.sent[-1])
    assert isinstance(found, TwoHopArbitrage)
    return found


async def test_a_trace_leads_from_an_account_update_to_the_line_of_profit_and_loss():
    clock, wire = FakeClock(), Wire()
    with traced() as spans:
        output_amount = await local_output(spans)

        at = held_quote(output_amount, key=QuoteKey(SOL.mint, USDC.mint, LAMPORTS_PER_SOL), route_id=route_id(["p"]))
        WrittenSpans(traces.tracer(), clock).written([written(at)], clock.unix_ns())  # type: ignore[arg-type]
        await eventually(lambda: bool(spans.named("write quote")))

        found = await scan(clock, wire, output_amount)

        settings = PlannerSettings()
        planner = Planner(
            simulator=Simulator(clock),
            gate=Open(),
            clock=clock,
            limits=settings.limits,
            rates=RATES,
            tolerance_bps=settings.slippage_tolerance_bps,
            hop_tolerance_bps=settings.hop_tolerance_bps,
            lifetime_ns=settings.plan_lifetime,
        )
        with traces.processing(subject_of(found), found.header):
            for answer in await planner.answer(found):
                await wire.publish(answer)
        plan = decode(wire.sent[-1])
        assert isinstance(plan, ExecutionPlan)

        with traces.processing(subject_of(plan), plan.header):
            costs = costs_of_plan(plan, RATES)
            with traces.doing("fill", {}):
                ending = filled(plan, costs, hops=plan.hops, amount_out=plan.expected_amount_out, slot=402)
            await wire.publish(
                result_of(plan, ending, costs, mode=ExecutionMode.PAPER, executor="x", taken_unix_ns=1, clock=clock)
            )

        books = Books(capital_lamports=10**11, prices=SolPrices(()))
        books.caught_up.set()
        books.take(Followed("now", "executed.SOL-USDC.x", 1, clock.unix_ns(), wire.sent[-1], 0))

    await asyncio.sleep(0)
    trace_id = int.from_bytes(found.header.trace.trace_id)
    own = [span for span in spans.exporter.get_finished_spans() if span.context.trace_id == trace_id]
    line = spans.one("process executed")
    assert line in own
    assert line.attributes is not None
    assert line.attributes["solquote.cumulative_profit_lamports"] == books.ledger.cumulative_profit_lamports > 0
    assert [span.name for span in way_up(line, own)] == [
        "process executed",
        "process plan",
        "process opportunity",
        "create opportunity",
        "write quote",
        "quote",
        "account update",
    ]
    assert {span.name for span in own} >= {"fill", "send opportunity", "send plan", "send executed"}


def way_up(span: ReadableSpan, spans: list[ReadableSpan]) -> list[ReadableSpan]:
    """A span, the one above it, and so on to the first of its trace."""
    by_id = {one.context.span_id: one for one in spans}
    way = [span]
    while parent := parent_of(way[-1]):
        way.append(by_id[parent])
    return way
