"""Runs the service against the hostile node, fault after fault, and checks every quote it answers.

Three real processes: the recorded market, the hostile node before it, `python -m local_quote` before that; the client
and the checker are here. Faults alternate with health, and health lasts until every row that was fresh before the
faults is fresh again with a state from after the fault, so that recovery is tested as much as the fault itself. Then
the service's memory is measured.
"""

import asyncio
import bisect
import contextlib
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

import grpc.aio
from fakes.ports import free_port
from fakes.recorded_market_process import recorded_market_process
from fakes.stopwatch import Stopwatch
from hostile.checker import Answered, Checker, Limits, Tally
from hostile.faults import FAULTS, HEALTHY, Fault
from hostile.fork_watch import ForkWatch
from hostile.memory import SMALL_STORES, MemoryLedger, resident_bytes
from hostile.processes import START_S, NodeProcess, ServiceProcess, node_process
from hostile.truth import Truth

from quote_core.generated.solquote.v1 import local_quote_pb2, local_quote_pb2_grpc, quotes_pb2
from quote_core.tokens import TokenRegistry, load_tokens
from quote_core.units import Pubkey
from recorded_market.genesis import make_genesis
from recorded_market.market import Market
from recorded_market.recording import load_recording

__all__ = ["Campaign", "Pace", "run_campaign"]

ASK_EVERY_S: Final = 0.05
ASK_TIMEOUT_S: Final = 2.0
REFRESH_MS: Final = 500
CHAIN_SLOT_MS: Final = 400
"""A slot's length in chain time, whatever it is in ours."""
_NS_PER_MS: Final = 1_000_000

_Row = tuple[str, str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long everything lasts, and what the service is told of it (its settings by name)."""

    slot_ms: int
    fault_s: float
    healthy_s_min: float
    recovery_s_max: float
    stale_after_ms: int
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def clock_lag_s_max(self) -> int:
        """How old, in seconds of the chain, the time may be that a fresh quote was priced at."""
        return 2 + self.stale_after_ms * CHAIN_SLOT_MS // self.slot_ms // 1_000


REAL: Final = Pace(slot_ms=400, fault_s=20.0, healthy_s_min=10.0, recovery_s_max=90.0, stale_after_ms=5_000)
"""A chain's own pace, and the service as it is delivered, but for how much evidence it keeps (`memory.py`)."""

FAST: Final = Pace(
    slot_ms=100,
    fault_s=1.2,
    healthy_s_min=0.3,
    recovery_s_max=15.0,
    stale_after_ms=1_000,
    settings={
        "amm_refresh_interval": "200ms",
        "clmm_refresh_interval": "1s",
        "clmm_event_driven_interval": "300ms",
        "stale_after": "1s",
        "staleness_sweep_interval": "200ms",
        "feed_silence_max": "1s",
        "rpc_timeout": "1s",
        "quote_cache_ttl": "300ms",
    },
)
"""Everything some four times as fast, for a test of a minute."""


@dataclass(slots=True)
class Campaign:
    """What a run has found, by fault."""

    tallies: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    memory: MemoryLedger = field(default_factory=MemoryLedger)
    baseline_count: int = 0
    slot_count: int = 0

    @property
    def broken(self) -> list[str]:
        """The faults under which a promise was broken, and what memory did."""
        faults = [name for name, tally in self.tallies.items() if tally.is_broken]
        return faults + [f"memory: {problem}" for problem in self.memory.problems]

    @property
    def checked_count(self) -> int:
        """Answered quotes that were checked."""
        return sum(tally.checked_count for tally in self.tallies.values())


async def run_campaign(
    *, faults: Sequence[Fault], pace: Pace, seed: int, seconds: float = 0.0, has_steady: bool = False
) -> Campaign:
    """Put the service through `faults`, in order once, then in a drawn order until `seconds` are over.

    With `has_steady` it has a second endpoint that never lies, and is asked less often than the one that does.
    """
    registry = load_tokens()
    with recorded_market_process(seed=seed, slot_time=f"{pace.slot_ms}ms", rpc_rehearsals="true") as market:
        async with node_process(market.rpc_url, market.websocket_url, seed) as node:
            port = free_port()
            async with (
                ServiceProcess(node, port, SMALL_STORES | pace.settings, has_steady=has_steady) as service,
                grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
            ):
                return await _Runner(registry, node, service, channel, pace, seed).run(faults, seconds)


class _Runner:
    """One campaign's loops and what they share."""

    def __init__(
        self,
        registry: TokenRegistry,
        node: NodeProcess,
        service: ServiceProcess,
        channel: grpc.aio.Channel,
        pace: Pace,
        seed: int,
    ) -> None:
        self._node = node
        self._service = service
        self._channel = channel
        self._stub = local_quote_pb2_grpc.LocalQuoteServiceStub(channel)
        self._pace = pace
        self._random = Random(f"campaign/{seed}")
        self._truth = Truth(Market(make_genesis(load_recording(), registry, seed=seed)))
        limits = Limits(
            clock_lag_s_max=pace.clock_lag_s_max,
            tolerance_ns=50 * _NS_PER_MS,
            stale_after_ns=pace.stale_after_ms * _NS_PER_MS,
        )
        self._checker = Checker(self._truth, limits)
        self._fork_watch = ForkWatch(self._stub)
        self._forks_left = 0
        self._wanted: list[_Row] = [
            (one.mint, other.mint, 10**one.decimals * size)
            for pair in registry.pairs
            for one, other in pair.directions()
            for size in (1, 100)
        ]
        self._pending: deque[tuple[str, _Row, Answered]] = deque()
        self._told_until_mono_ns = 0
        self._phase_starts: list[tuple[int, Fault]] = []
        self._fault = HEALTHY
        self._names = [(0, HEALTHY.name)]  # since when, and the fault whose effects are not over yet
        self._baseline: tuple[_Row, ...] = ()
        self._fresh_at_slot: dict[_Row, int] = {}
        self._judged = asyncio.Event()
        self.campaign = Campaign()

    async def run(self, faults: Sequence[Fault], seconds: float) -> Campaign:
        async with asyncio.timeout(START_S):
            await self._channel.channel_ready()
        try:
            await self._play(faults, seconds)
        except asyncio.CancelledError:  # broken off by Ctrl-C: what was found so far is told all the same
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        self.campaign.slot_count = self._truth.slot - self._truth.first_slot
        return self.campaign

    async def _play(self, faults: Sequence[Fault], seconds: float) -> None:
        async with asyncio.TaskGroup() as tasks:
            loops = [
                tasks.create_task(loop) for loop in (self._listen(), self._judge(), self._follow_stream(), self._ask())
            ]
            await self._warm_up()
            memory = self.campaign.memory
            memory.warm_bytes, measures = resident_bytes(self._service.pid), memory.first_round
            until = time.monotonic() + seconds
            for fault in self._schedule(faults):
                if fault is None:
                    if time.monotonic() >= until:
                        break
                    measures = memory.later
                    continue
                measures.append(await self._phase(fault))
            for loop in loops:
                loop.cancel()

    def _schedule(self, faults: Sequence[Fault]) -> Any:
        """Every fault once in order, then drawn rounds; None where a run may end."""
        yield from faults
        yield None
        while True:
            for fault in self._random.sample(faults, len(faults)):
                yield fault
                yield None

    async def _warm_up(self) -> None:
        """Wait until no further row becomes fresh; those that are must be so again after every fault."""
        async with asyncio.timeout(START_S):
            before = -1
            while len(self._fresh_at_slot) != before or before == 0:
                before = len(self._fresh_at_slot)
                await asyncio.sleep(max(2.0, 2 * self._pace.stale_after_ms / 1_000))
        self.campaign.baseline_count = before
        self._baseline = tuple(self._fresh_at_slot)

    async def _phase(self, fault: Fault) -> int:
        """Let the node misbehave and be well again; give the memory the service then has."""
        tally = self.campaign.tallies[fault.name]
        started = time.monotonic()
        async with self._watched_forks(fault, tally):
            await self._begin(fault)
            self._names.append((time.monotonic_ns(), fault.name))
            await asyncio.sleep(self._pace.fault_s)
            async with asyncio.timeout(START_S):
                while self._forks_left:  # noqa: ASYNC110 - another process, heard of by `_listen`
                    await asyncio.sleep(0.02)
            await self._begin(HEALTHY)
        tally.seconds += time.monotonic() - started
        late = await self._late_rows(tally)
        if late:
            ended = "" if self._service.exit_code is None else f" (the service ended with {self._service.exit_code})"
            tally.unrecovered += [f"{len(late)} rows, of them {late[0]}{ended}"]
            await self._service.restart()
            await self._late_rows(Tally())
        self._names.append((time.monotonic_ns(), HEALTHY.name))
        resident = resident_bytes(self._service.pid)
        tally.resident_bytes_max = max(tally.resident_bytes_max, resident)
        return resident

    @contextlib.asynccontextmanager
    async def _watched_forks(self, fault: Fault, tally: Tally) -> AsyncIterator[None]:
        """While a fault lasts, see what the service knows of its forks; all of them, in the end."""
        self._forks_left = len(fault.forks)
        if not fault.forks:
            yield
            return
        await self._fork_watch.begin()
        watching = asyncio.create_task(self._fork_watch.watch())
        try:
            yield
            watch = Stopwatch(self._service.pid)
            while (
                missing_count := len(fault.forks) - self._fork_watch.noticed_count
            ) and not self._fork_watch.has_connected_anew:
                if watch.elapsed_s > self._pace.recovery_s_max:
                    tally.forks_unnoticed_count += missing_count
                    break
                await asyncio.sleep(0.02)
        finally:
            watching.cancel()

    async def _late_rows(self, tally: Tally) -> list[_Row]:
        """Wait until every row that was fresh once is so with a later state, rightly; those that are not in time."""
        healed, healed_slot = time.monotonic(), self._truth.slot
        watch = Stopwatch(self._service.pid)
        late = list(self._baseline)
        while watch.elapsed_s < self._pace.recovery_s_max:
            late = [row for row in late if self._fresh_at_slot[row] <= healed_slot]
            if not late and time.monotonic() >= healed + self._pace.healthy_s_min:
                break
            if late:
                tally.recovery_s_max = max(tally.recovery_s_max, time.monotonic() - healed)
            await asyncio.sleep(0.02)
        return late

    async def _begin(self, fault: Fault) -> None:
        self._node.begin(fault)
        async with asyncio.timeout(START_S):
            while self._fault is not fault:  # noqa: ASYNC110 - another process, heard of by `_listen`
                await asyncio.sleep(0.005)

    async def _listen(self) -> None:
        """Hear from the node: slots drive the truth, faults the phases."""
        by_name = {fault.name: fault for fault in (HEALTHY, *FAULTS)}
        while True:
            told = await self._node.told.get()
            if "fork_slot" in told:
                self._truth.fork_begins(told["fork_slot"], told["slot_count"])
                self._fork_watch.told(told["fork_slot"] + told["slot_count"])
            elif "forks_left" in told:
                self._forks_left = told["forks_left"]
            elif "slot" in told:
                self._truth.slot_came(told["slot"], told["mono_ns"])
                self._told_until_mono_ns = told["mono_ns"]
                self._judged.set()
            elif "fault" in told:
                self._fault = by_name[told["fault"]]
                self._phase_starts.append((told["mono_ns"], self._fault))

    async def _follow_stream(self) -> None:
        pairs: dict[tuple[str, str], list[int]] = defaultdict(list)
        for input_mint, output_mint, amount in self._wanted:
            pairs[input_mint, output_mint].append(amount)
        request = quotes_pb2.BatchQuoteRequest(
            pairs=[
                quotes_pb2.TokenPair(input_mint=one, output_mint=other, amounts=amounts)
                for (one, other), amounts in pairs.items()
            ],
            refresh_interval_ms=REFRESH_MS,
        )
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):  # the service was begun anew
                async for batch in self._stub.StreamQuoteBatches(request, wait_for_ready=True):
                    received_mono_ns = time.monotonic_ns()
                    for quote in batch.quotes:
                        self._take(quote, received_mono_ns, None)

    async def _ask(self) -> None:
        """Ask for one row after another."""
        while True:
            for input_mint, output_mint, amount in self._random.sample(self._wanted, len(self._wanted)):
                tally = self.campaign.tallies[self._name]
                request = local_quote_pb2.LocalQuoteRequest(
                    input_mint=input_mint, output_mint=output_mint, input_amount=amount
                )
                asked_mono_ns = time.monotonic_ns()
                is_expected = (input_mint, output_mint, amount) in self._baseline
                is_expected &= self._fault.name == self._name  # availability is of the fault, not of the recovery
                tally.asked_count += is_expected
                try:
                    quote = await self._stub.GetQuote(request, timeout=ASK_TIMEOUT_S)
                except grpc.aio.AioRpcError as error:
                    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                        tally.failed_count += 1
                    else:
                        tally.refused_count += 1
                else:
                    tally.asked_fresh_count += is_expected and not quote.is_stale
                    tally.asked_stale_count += is_expected and quote.is_stale
                    self._take(quote, time.monotonic_ns(), asked_mono_ns)
                await asyncio.sleep(ASK_EVERY_S)

    def _take(self, quote: local_quote_pb2.LocalQuote, received_mono_ns: int, asked_mono_ns: int | None) -> None:
        if quote.HasField("error"):
            self.campaign.tallies[self._name].refused_count += 1
            return
        freshness = quote.freshness if quote.HasField("freshness") else None
        answered = Answered(
            pool_id=Pubkey(quote.pool_id),
            protocol=quote.protocol,
            input_mint=Pubkey(quote.input_mint),
            input_amount=quote.input_amount,
            output_amount=quote.output_amount,
            slot=quote.slot,
            is_stale=quote.is_stale,
            told_age_ns=quote.pool_state_age_ms * _NS_PER_MS,
            vouched_mono_ns=freshness.vouched_mono_ns if freshness else quote.pool_received_mono_ns,
            received_mono_ns=received_mono_ns,
            asked_mono_ns=asked_mono_ns,
        )
        answered = replace(answered, known_slot=self._fork_watch.known_slot(answered.answered_mono_ns))
        row = (quote.input_mint, quote.output_mint, quote.input_amount)
        name = self._name_at(answered.answered_mono_ns)
        self._pending.append((name, row, answered))
        if freshness and freshness.vouched_slot != quote.slot:  # both are told, so both must be true
            self._pending.append((name, row, replace(answered, slot=freshness.vouched_slot)))

    @property
    def _name(self) -> str:
        return self._names[-1][1]

    def _name_at(self, mono_ns: int) -> str:
        """A busy client reads a quote long after it was made, when another fault has begun."""
        return self._names[bisect.bisect_right(self._names, mono_ns, key=lambda since: since[0]) - 1][1]

    async def _judge(self) -> None:
        """Judge what came before the newest slot told, in pieces that let the other loops run."""
        while True:
            await self._judged.wait()
            self._judged.clear()
            while self._pending and self._pending[0][2].received_mono_ns < self._told_until_mono_ns:
                name, row, answered = self._pending.popleft()
                unknowable_ns = self._unknowable_ns(answered)
                verdict = self._checker.count(answered, self.campaign.tallies[name], unknowable_ns=unknowable_ns)
                if verdict.is_right and not answered.is_stale:
                    self._fresh_at_slot[row] = answered.slot
                await asyncio.sleep(0)

    def _unknowable_ns(self, answered: Answered) -> int:
        """The longest lag of the faults that were there between the vouched time and the receipt."""
        slots = 0
        for began_mono_ns, fault in reversed(self._phase_starts):
            slots = max(slots, fault.unknowable_slots if began_mono_ns < answered.received_mono_ns else 0)
            if began_mono_ns <= answered.vouched_mono_ns:
                break
        return (slots + bool(slots)) * self._pace.slot_ms * _NS_PER_MS
