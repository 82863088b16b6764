"""Executors as a test sets them up: their limits, a market that answers as told, a gate that opens as told."""

import asyncio

from fakes.pipeline_events import round_trip_hops
from fakes.plans import SOL, USDC_BACK
from fakes.vouched import vouched

from pipeline.executor.claims import Claims
from pipeline.executor.guards import GuardLimits, Guards
from pipeline.executor.hard_stops import HardLimits, HardStops
from pipeline.executor.paper import NaivePaperVenue
from pipeline.executor.result_log import ResultLog
from pipeline.executor.results import Results
from pipeline.executor.worker import Worker
from pipeline.settings import CostSettings
from pipeline.simulation import RouteHopRequest, Simulation
from quote_core.bus import Bus, Consumer
from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.events import ExecutionMode, ExecutionPlan, Stream
from quote_core.freshness import FRESH_NS_MAX

RATES = CostSettings.load(environ={}).rates()
LIMITS = GuardLimits(
    plan_age_ns_max=5_000_000_000,
    state_age_ns_max=FRESH_NS_MAX,
    plan_lifetime_ns_max=60_000_000_000,
    amount_lamports_min=1_000,
    amount_lamports_max=10**13,
    price_band_bps=1_000,
    slippage_bps_max=100,
    tip_lamports_max=10_000_000,
    priority_fee_lamports_max=10_000_000,
    loss_lamports_max=0,
    sol_mint=SOL,
)
HARD_LIMITS = HardLimits(
    trades_per_minute_max=6_000,
    pair_exposure_lamports_max=10**14,
    daily_loss_lamports_max=10**10,
    open_ns_max=33_000_000_000,
)
"""Which no test of something else comes near."""
ACK_WAIT_MS = 300
IN_FLIGHT_NS = 1_000_000_000


class Market:
    """A simulator whose answer a test sets; it can be held, to die in the middle."""

    def __init__(self) -> None:
        self.amount_out = 1_008_000_000
        self.asked_count = 0
        self.asked_at_once_max = 0
        self._asked_at_once = 0
        self.lets_go = asyncio.Event()
        self.lets_go.set()

    async def simulate(self, hops: tuple[RouteHopRequest, ...], amount_in: int) -> Simulation:
        self.asked_count += 1
        self._asked_at_once += 1
        self.asked_at_once_max = max(self.asked_at_once_max, self._asked_at_once)
        await self.lets_go.wait()
        self._asked_at_once -= 1
        return Simulation(
            hops=round_trip_hops(amount_in, USDC_BACK, self.amount_out),
            amount_out=self.amount_out,
            slot=7,
            freshness=vouched(),
            price_impact_fractions=(0.0, 0.0),
            depth_amounts=(1, 1),
        )


class Switch:
    """A gate a test opens and closes."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.changed = asyncio.Event()
        self._is_open = is_open
        self._is_reducing = False

    @property
    def allows_new_trades(self) -> bool:
        return self._is_open

    @property
    def allows_finishing(self) -> bool:
        return self._is_open or self._is_reducing

    def turn(self, *, is_open: bool) -> None:
        self._is_open, self._is_reducing = is_open, False
        self.changed.set()

    def reduce(self) -> None:
        self._is_open, self._is_reducing = False, True
        self.changed.set()


def executor(
    bus: Bus,
    log: ResultLog,
    market: Market,
    gate: Switch,
    *,
    name: str = "one",
    ack_wait_ms: int = ACK_WAIT_MS,
    pool_rest_ns: int = 0,
    in_flight_ns: int = 5_000_000_000,
    clock: Clock = SYSTEM_CLOCK,
) -> Worker:
    consumer = Consumer(stream=Stream.PLANNED, name="executor", events=(ExecutionPlan,), ack_wait_ms=ack_wait_ms)
    return Worker(
        bus,
        consumer,
        gate=gate,
        guards=Guards(LIMITS, RATES),
        claims=Claims(bus, clock=clock, executor=name, pool_rest_ns=pool_rest_ns, stops=HardStops(HARD_LIMITS)),
        results=Results(bus, log, consumer),
        venue=NaivePaperVenue(market, RATES, clock=clock),
        rates=RATES,
        clock=clock,
        mode=ExecutionMode.PAPER,
        name=name,
        concurrency=4,
        in_flight_ns_max=in_flight_ns,
        stop_grace_ns=2_000_000_000,
    )
