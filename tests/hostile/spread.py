"""Half a swap, looked for in an hour of the flow: each account's notification comes late by an amount of its own.

One process and no sockets: the recorded market and its subscriptions, the service's own feed protocol, inbox, reader,
loops and market, and a client that follows every row and asks for single quotes. Time is the event loop's own, and
stands still while anything runs, so a run depends on its seed alone and takes as long as the machine computes. Of one
account notifications stay in order, as on any socket; between accounts, and to slots, nothing is in order.

A quote is half a swap's when it is marked fresh and its pool does not give it with the accounts of the slot it names
(`truth`).
"""

import asyncio
import selectors
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final

from hostile.truth import Truth

from local_quote.app import make_market
from local_quote.companions import Companions
from local_quote.market import LocalMarket
from local_quote.poll_plan import PollPlan
from local_quote.pool_entry import PoolEntry
from local_quote.pool_reader import PoolReader
from local_quote.refresh import MarketRefresher
from local_quote.row_table import LocalQuote
from local_quote.settings import LocalQuoteSettings
from quote_core.dex.pool import Direction, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.errors import MarketError, RequestError
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, FeedEvents, UpdateSource
from quote_core.solana.feed_protocol import FeedProtocol
from quote_core.tokens import TokenRegistry, load_tokens
from quote_core.units import NS_PER_MS, NS_PER_S, Pubkey
from recorded_market.genesis import make_genesis
from recorded_market.jsonrpc import answer_request
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.recording import load_recording
from recorded_market.subscriptions import SubscriptionHub

__all__ = ["Spread", "SpreadFound", "run_spread"]

SLOT_S: Final = 0.4
SLOTS_PER_MINUTE: Final = 150
CLOCK_LAG_S_MAX: Final = 2
"""A quote is priced at the chain's time held then, which may be of a slot just before or after."""
ASK_EVERY_S: Final = 0.437
SAMPLE_EVERY_S: Final = 1.0
WARM_UP_S: Final = 3.0
EXAMPLES_MAX: Final = 5
_BEGIN_S: Final = 1_000.0
_BEGIN_UNIX_NS: Final = 1_780_000_000 * NS_PER_S
_ANSWER_S: Final = (0.002, 0.03)
"""Between a request and its answer; the accounts are of a moment between."""


@dataclass(frozen=True, slots=True)
class Spread:
    """How late notifications come: each by a time drawn evenly up to `ms_max`, of which `slots_too` says the obvious.

    A `lost_fraction` of them never comes.
    """

    ms_max: float
    slots_too: bool = False
    lost_fraction: float = 0.0


@dataclass(slots=True)
class SpreadFound:
    """What a run has found."""

    slot_count: int = 0
    swap_count: int = 0
    checked_count: int = 0
    fresh_count: int = 0
    half_count: int = 0
    sampled_count: int = 0
    sampled_fresh_count: int = 0
    read_count: int = 0
    by_protocol: Counter[str] = field(default_factory=Counter)
    half_by_protocol: Counter[str] = field(default_factory=Counter)
    priced_after_ms: list[float] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def fresh_share(self) -> float:
        """Of the rows looked at every second that have a quote, those whose quote was fresh."""
        return self.sampled_fresh_count / max(1, self.sampled_count)

    def told(self) -> str:
        """For people."""
        late = sorted(self.priced_after_ms) or [0.0]
        lines = [
            f"{self.slot_count} slots, {self.swap_count} swaps, {self.checked_count} quotes checked,"
            f" {self.fresh_count} of them fresh: {self.half_count} of half a swap"
            f" {dict(self.half_by_protocol) if self.half_count else ''}",
            f"fresh {100 * self.fresh_share:.2f} % of the time; {self.read_count} reads of accounts,"
            f" {self.read_count / max(1, self.slot_count):.2f} a slot",
            f"a change is in a row after {late[len(late) // 2]:.1f} ms (p50),"
            f" {late[len(late) * 99 // 100]:.1f} ms (p99), {late[-1]:.1f} ms (most)",
            f"checked by protocol: {dict(sorted(self.by_protocol.items()))}",
        ]
        return "\n".join([*lines, *self.examples])


class _VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time goes on only when there is nothing to do, to when there is."""

    def __init__(self) -> None:
        self._now_s = _BEGIN_S
        loop = self

        class Selector(selectors.DefaultSelector):  # type: ignore[valid-type,misc]
            def select(self, timeout: float | None = None) -> Any:
                ready = super().select(0)
                if not ready and timeout:
                    loop._now_s += timeout
                return ready

        super().__init__(Selector())

    def time(self) -> float:
        return self._now_s


class _VirtualClock:
    """The service's clock, of the loop's time."""

    def __init__(self, loop: _VirtualLoop) -> None:
        self._loop = loop

    def mono_ns(self) -> int:
        return round(self._loop.time() * 1e9)

    def unix_ns(self) -> int:
        return self.mono_ns() + _BEGIN_UNIX_NS


class _Node:
    """The chain, and what a client of its node asks for."""

    def __init__(self, registry: TokenRegistry, clock: _VirtualClock, *, seed: int) -> None:
        self.market = Market(make_genesis(load_recording(), registry, seed=seed))
        self.hub = SubscriptionHub(version="spread")
        self._clock = clock
        self._random = Random(f"answers/{seed}")
        self.read_count = 0

    async def get_multiple_accounts(self, pubkeys: Sequence[Pubkey], *, first: object = None) -> list[AccountUpdate]:
        """As `RpcClient`."""
        del first
        self.read_count += 1
        asked_mono_ns = self._clock.mono_ns()
        there_s, back_s = (self._random.uniform(*_ANSWER_S) / 2 for _ in range(2))
        await asyncio.sleep(there_s)
        view = self.market.ledger.view(Commitment.PROCESSED)
        slot, accounts = view.slot, [view.accounts.get(pubkey) for pubkey in pubkeys]
        await asyncio.sleep(back_s)
        received_mono_ns = self._clock.mono_ns()
        return [
            AccountUpdate(pubkey, slot, account, received_mono_ns, UpdateSource.ANSWER, asked_mono_ns)
            for pubkey, account in zip(pubkeys, accounts, strict=True)
        ]

    async def get_genesis_hash(self) -> str:
        """As `RpcClient`."""
        return "spread"

    async def get_provenance(self, pubkeys: Sequence[Pubkey]) -> dict[Pubkey, Provenance]:
        """As `RpcClient`."""
        return dict.fromkeys(pubkeys, Provenance.RECORDED)


class _SpreadFeed:
    """As `AccountFeed`, over the node's subscriptions instead of a socket, each notification late on its own."""

    def __init__(
        self, events: FeedEvents, *, node: _Node, reader: PoolReader, clock: _VirtualClock, spread: Spread, seed: int
    ) -> None:
        self._events = events
        self._node = node
        self._reader = reader
        self._clock = clock
        self._spread = spread
        self._random = Random(f"spread/{seed}")
        self._protocol = FeedProtocol()
        self._due_s: dict[object, float] = defaultdict(float)
        self._to_read: dict[Pubkey, int] = {}
        self._has_to_read = asyncio.Event()
        self.is_live = False

    @property
    def counts(self) -> Any:
        return self._protocol.counts

    @property
    def followed(self) -> Any:
        return self._protocol.followed

    def watch(self, pubkeys: Iterable[Pubkey]) -> None:
        self._send(self._protocol.watch(pubkeys))

    def unwatch(self, pubkeys: Iterable[Pubkey]) -> None:
        self._send(self._protocol.unwatch(pubkeys))

    async def run(self) -> None:
        self._send(self._protocol.connected())
        self._events.on_connect()
        while True:
            await self._has_to_read.wait()
            await asyncio.sleep(0.02)
            self._has_to_read.clear()
            asked, self._to_read = self._to_read, {}
            self._events.on_read(await self._reader.read_accounts(tuple(asked)))
            for pubkey, reading in asked.items():
                self._protocol.was_read(pubkey, reading)

    def offer(self, message: bytes) -> None:
        """Take a notification of the hub and deliver it late."""
        loop = asyncio.get_running_loop()
        number = message[message.rindex(b":") + 1 :]
        is_slot = b'"slotNotification"' in message[:60]
        if not is_slot and self._random.random() < self._spread.lost_fraction:
            return
        late_s = 0.0 if is_slot and not self._spread.slots_too else self._random.uniform(0, self._spread.ms_max) / 1e3
        due_s = self._due_s[number] = max(self._due_s[number], loop.time() + late_s)
        loop.call_at(due_s, self._receive, message)

    def _receive(self, message: bytes) -> None:
        received_mono_ns = self._clock.mono_ns()
        received = self._protocol.receive(message, received_mono_ns)
        assert not received.is_unreadable, message
        if received.doubted is not None:
            self._events.on_doubt(received.doubted)
        if received.update is not None:
            self._events.on_update(received.update)
        if received.slot is not None:
            self.is_live = True
            self._events.on_slot(received.slot, received.parent, received_mono_ns)
        if received.to_read:
            self._to_read.update(received.to_read)
            self._has_to_read.set()
        self._send(received.to_send)

    def _send(self, messages: Iterable[bytes]) -> None:
        for message in messages:
            answer = answer_request(message, partial(self._node.hub.call, self))
            if answer is not None:
                self._receive(answer)


class _Run:
    """The service, its node, and who follows and judges its quotes."""

    def __init__(self, loop: _VirtualLoop, spread: Spread, seed: int) -> None:
        registry = load_tokens()
        clock = _VirtualClock(loop)
        settings = LocalQuoteSettings()
        self._clock = clock
        self._registry = registry
        self._random = Random(f"asked/{seed}")
        self._node = _Node(registry, clock, seed=seed)
        self._truth = Truth(self._node.market)
        self._market: LocalMarket = make_market(settings, registry, clock)
        reader = PoolReader(rpc=self._node, store=self._market.store)  # type: ignore[arg-type]  # what it asks of one
        self._refresher = MarketRefresher(
            market=self._market,
            rpc=self._node,  # type: ignore[arg-type]
            reader=reader,
            make_feed=lambda events: _SpreadFeed(  # type: ignore[arg-type,return-value]
                events, node=self._node, reader=reader, clock=clock, spread=spread, seed=seed
            ),
            companions=Companions(
                store=self._market.store,
                settle_ns=settings.settle,
                wait_ns_max=settings.companion_wait,
            ),
            plan=PollPlan(
                amm_interval_ns=settings.amm_refresh_interval,
                clmm_interval_ns=settings.clmm_refresh_interval,
                clmm_event_driven_interval_ns=settings.clmm_event_driven_interval,
            ),
            clock=clock,
            basic_interval_s=settings.amm_refresh_interval / NS_PER_S,
            sweep_interval_s=settings.staleness_sweep_interval / NS_PER_S,
        )
        self._wanted = [
            (one, other, 100 * 10**one.decimals) for pair in registry.pairs for one, other in pair.directions()
        ]
        self._rows: list[int] = []
        self._judged: dict[Pubkey, int] = {}
        self._priced_slot: dict[Pubkey, int] = {}
        self._is_warm = False
        self.found = SpreadFound()

    async def play(self, slot_count: int) -> SpreadFound:
        self._find_pools()
        applied = self._market.apply

        def apply_and_judge(updates: Sequence[AccountUpdate]) -> Any:
            change = applied(updates)
            self._judge_pools()
            return change

        self._market.apply = apply_and_judge  # type: ignore[method-assign]
        async with asyncio.TaskGroup() as tasks:
            loops = [tasks.create_task(self._refresher.run())]
            self._rows = self._market.register(self._wanted)
            loops += [tasks.create_task(loop) for loop in (self._follow(), self._ask(), self._sample())]
            warm_s = asyncio.get_running_loop().time() + WARM_UP_S
            for _ in range(slot_count):
                await asyncio.sleep(SLOT_S)
                self._is_warm = self._is_warm or asyncio.get_running_loop().time() > warm_s
                self._node.hub.publish(self._truth.next_slot(self._clock.mono_ns()))
            for loop in loops:
                loop.cancel()
        found = self.found
        found.slot_count, found.swap_count = slot_count, self._node.market.swap_count
        found.read_count = self._node.read_count
        return found

    def _find_pools(self) -> None:
        view = self._node.market.ledger.view(Commitment.PROCESSED)
        for pool in self._node.market.tradable_pools():
            try:
                self._registry.pair(pool.mint_a, pool.mint_b)
            except RequestError:
                continue
            account = view.accounts[pool.address]
            update = AccountUpdate(pool.address, view.slot, account, self._clock.mono_ns(), UpdateSource.ANSWER)
            change = self._market.add_pool(decode_pool(pool.address, account), update, Provenance.RECORDED)
            self._refresher.wanted_changed(change)

    async def _follow(self) -> None:
        with self._market.subscriptions.follow((row, row) for row in self._rows) as subscription:
            while True:
                await subscription.changed()
                for row in subscription.take():
                    quote = self._market.table.row(row).quote
                    if quote is not None:
                        self._judge_quote(quote, is_stale=self._market.table.row(row).is_stale)

    async def _ask(self) -> None:
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            try:
                quote = self._market.quote(*self._random.choice(self._wanted))
            except MarketError:
                continue
            self._judge_quote(quote, is_stale=self._market.quoter.is_stale(quote.swap.entry))

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_EVERY_S)
            if self._is_warm:
                states = [one for row in self._rows if (one := self._market.table.row(row)).quote is not None]
                self.found.sampled_count += len(states)
                self.found.sampled_fresh_count += sum(not one.is_stale for one in states)

    def _judge_pools(self) -> None:
        """Ask every pool that was changed for what it gives, so that no state escapes which was there for a moment."""
        now = self._market.chain_clock
        for entry in self._market.store:
            if now is None or self._judged.get(entry.pool.address) == entry.update_count:
                continue
            self._judged[entry.pool.address] = entry.update_count
            for direction, mint in (
                (Direction.A_TO_B, entry.pool.mint_a),
                (Direction.B_TO_A, entry.pool.mint_b),
            ):
                amount_in = 100 * 10 ** self._registry.by_mint(mint, field="mint").decimals
                try:
                    swap = entry.pool.swap(direction, SwapMode.EXACT_IN, amount_in, now)
                except MarketError:
                    continue
                self._judge(entry, mint, amount_in, swap.amount_out, is_stale=self._market.quoter.is_stale(entry))

    def _judge_quote(self, quote: LocalQuote, *, is_stale: bool) -> None:
        swap = quote.swap
        self._judge(swap.entry, quote.input_token.mint, swap.input_amount, swap.output_amount, is_stale=is_stale)

    def _judge(self, entry: PoolEntry, input_mint: Pubkey, amount_in: int, amount_out: int, *, is_stale: bool) -> None:
        found, pool_id, slot = self.found, entry.pool.address, entry.slot
        found.checked_count += 1
        self._note_delay(pool_id, entry.changed_slot)
        if is_stale:
            return
        found.fresh_count += 1
        found.by_protocol[entry.pool.dex.label] += 1
        lag_s = self._truth.gives(pool_id, slot, input_mint, amount_in, amount_out, clock_lag_s_max=CLOCK_LAG_S_MAX)
        if lag_s is None:
            found.half_count += 1
            found.half_by_protocol[entry.pool.dex.label] += 1
            if len(found.examples) < EXAMPLES_MAX:
                found.examples.append(
                    f"half: {entry.pool.dex.label} {pool_id} at slot {slot}, {amount_in} {input_mint} -> {amount_out}"
                )

    def _note_delay(self, pool_id: Pubkey, changed_slot: int) -> None:
        if self._is_warm and changed_slot > self._priced_slot.get(pool_id, 0):
            self._priced_slot[pool_id] = changed_slot
            came_mono_ns = self._truth.newest_since_mono_ns(changed_slot)
            if came_mono_ns is not None:
                self.found.priced_after_ms.append((self._clock.mono_ns() - came_mono_ns) / NS_PER_MS)


def run_spread(*, spread: Spread, minutes: float, seed: int) -> SpreadFound:
    """Let the flow go on for so long, by the chain's time, and judge every quote of it."""
    loop = _VirtualLoop()
    try:
        return loop.run_until_complete(_Run(loop, spread, seed).play(round(minutes * SLOTS_PER_MINUTE)))
    finally:
        loop.close()
