"""Keep the market current: the feed's changes first, reading to vouch for it, a sweep for what went stale.

A swap changes several accounts, and their notifications come one by one. Those that are there together are taken
together, and what may be a part of a transaction is held (`companions`) until the rest has come or its pool has been
read, so that no pool is priced with one vault from before and one from after.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from local_quote.chain_progress import SLOT_NS_NOMINAL, SLOTS_APART_MAX
from local_quote.collector_rest import CollectorRest
from local_quote.companions import Companions
from local_quote.gaps import FeedGaps
from local_quote.market import LocalMarket, WantedChange
from local_quote.poll_plan import PollPlan
from local_quote.pool_reader import PoolReader
from local_quote.pool_store import Doubt, PoolEntry
from quote_core.clock import Clock
from quote_core.errors import UpstreamError
from quote_core.solana import AccountFeed, AccountUpdate, FeedEvents, PartlyRead, RpcClient
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["MarketRefresher", "RefreshCounts", "UpdateInbox"]

_POLL_TICK_S = 0.1
_POLL_BACKOFF_S = 1.0
_REGRESSION_TOLD_NS = 10 * NS_PER_S
"""A node that answers and notifies of different slots goes back with each answer: told so often at most."""
_ACCOUNTS_PER_POLL_MAX = 1_000
"""About ten requests; what is left is read by the next poll, hurried pools first."""
_PART_READS_AT_ONCE_MAX = 4
"""A node that answers slowly is asked for more pools at a time, not more often."""
_CHAIN_PAUSE_S = 1.0
_START_PAUSE_S = 0.2
"""Until the chain has been seen to advance, so that prices do not wait for the next interval to be vouched for."""
_SWEEP_PAUSE_S_MIN = 0.05
_DEPTHS_PAUSE_S = 0.01
_DEPTHS_AT_ONCE_MAX = 16
"""So many pools are measured in about 0.2 ms, which is what a price may have to wait for them."""
_ROUTES_PAUSE_S = 0.01
"""Between two searches for rows' routes, each of one direction: a price may have to wait for one, some ms long."""
_TURNS_MAX = 5
"""A stream of updates that never pauses is taken after this many turns of the event loop anyway."""


@dataclass(slots=True)
class RefreshCounts:
    """What happened since the start; `poll_fault` is the last failure's reason, empty when the last poll worked.

    A poll that brought a part is no failed one: the node is well, and one request or account of many is not. Polls read
    different accounts, so a whole one says nothing of the part: `poll_partial_fault` is of `poll_partial_mono_ns`.
    """

    poll_count: int = 0
    poll_failed_count: int = 0
    poll_partial_count: int = 0
    batch_count: int = 0
    poll_fault: str = ""
    poll_partial_fault: str = ""
    poll_partial_mono_ns: int = 0


class UpdateInbox:
    """What has come and is not priced yet: the newest update of each account, so it is bounded by the accounts."""

    def __init__(self) -> None:
        self._newest: dict[Pubkey, AccountUpdate] = {}
        self._arrived = asyncio.Event()
        self._arrived_count = 0

    def put(self, update: AccountUpdate) -> None:
        """Take an update in; the feed hands them over in slot order, so the newer one replaces."""
        self._newest[update.pubkey] = update
        self._arrived_count += 1
        self._arrived.set()

    def __len__(self) -> int:
        return len(self._newest)

    async def take(self) -> list[AccountUpdate]:
        """Wait for updates, until all that lie ready in the socket have been put, and take them."""
        await self._arrived.wait()
        for _ in range(_TURNS_MAX):
            count_before = self._arrived_count
            await asyncio.sleep(0)
            if self._arrived_count == count_before:
                break
        self._arrived.clear()
        taken = list(self._newest.values())
        self._newest.clear()
        return taken


class MarketRefresher:
    """The loops that feed the market; `make_feed` makes the account feed that calls what it is given."""

    def __init__(
        self,
        *,
        market: LocalMarket,
        rpc: RpcClient,
        reader: PoolReader,
        make_feed: Callable[[FeedEvents], AccountFeed],
        companions: Companions,
        plan: PollPlan,
        clock: Clock,
        basic_interval_s: float,
        sweep_interval_s: float,
        collector_rest: CollectorRest | None = None,
    ) -> None:
        self._market = market
        self._rpc = rpc
        self._reader = reader
        self._inbox = UpdateInbox()
        self._gaps = FeedGaps()
        self._companions = companions
        self._plan = plan
        self._clock = clock
        self._basic_interval_s = basic_interval_s
        self._sweep_interval_s = sweep_interval_s
        self._poll_now = asyncio.Event()
        self._parts_held = asyncio.Event()
        self._regression_told_mono_ns = -_REGRESSION_TOLD_NS
        self._ask_chain = asyncio.Event()
        self._ask_chain.set()
        self._genesis_hash: str | None = None
        self._has_origins = False
        self._was_lossy = False
        self._collector_rest = collector_rest
        self._log = structlog.get_logger(part="refresh")
        self.counts = RefreshCounts()
        self.feed = make_feed(
            FeedEvents(
                on_update=self._notified,
                on_read=self._apply_read,
                on_slot=self._slot_seen,
                on_doubt=self._doubted,
                on_connect=self._connected,
            )
        )

    async def run(self) -> None:
        """Run all loops until cancelled."""
        self.feed.watch(self._market.basic_accounts())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.feed.run())
            tasks.create_task(self._apply_arrived())
            tasks.create_task(self._read_parts())
            tasks.create_task(self._poll_pools())
            tasks.create_task(self._poll_basics())
            tasks.create_task(self._sweep())
            tasks.create_task(self._measure_depths())
            if self._market.row_routes is not None:
                tasks.create_task(self._find_row_routes())
            tasks.create_task(self._watch_chain())

    def wanted_changed(self, change: WantedChange) -> None:
        """Follow the accounts that came to be wanted, leave those that are not any more; read what is in doubt."""
        if change.lost:
            self._gaps.forget(change.lost)
            self._plan.forget(change.lost)  # the accounts of a pool let go are its own among them
            self._companions.forget(change.lost)
            self.feed.unwatch(sorted(change.lost))
        if change.gained:
            self.feed.watch(sorted(change.gained))
            for pubkey in change.gained:
                for pool_id in self._market.store.pool_ids_on(pubkey):
                    self._plan.hurry(pool_id)
        if change.gained or change.doubted:
            self._poll_now.set()

    @property
    def genesis_hash(self) -> str | None:
        """Which chain the node serves, or is to serve; None where that is not known."""
        return self._genesis_hash

    def expect_chain(self, genesis_hash: str) -> None:
        """What is held is of this chain: everything is begun anew should the node serve another."""
        if self._genesis_hash is None:
            self._genesis_hash = genesis_hash

    @property
    def waiting_count(self) -> int:
        """Accounts that have come and are not applied yet."""
        return len(self._inbox) + len(self._companions)

    @property
    def gap_count(self) -> int:
        """Changes that were not notified although their accounts are followed."""
        return self._gaps.count

    @property
    def is_feed_lossy(self) -> bool:
        """Whether the feed lost notifications lately."""
        return self._gaps.is_lossy(self._clock.mono_ns())

    def _notified(self, update: AccountUpdate) -> None:
        if not self._gaps.notified(update.pubkey, update.slot):
            self._companions.told_within_slot(self._clock.mono_ns())
        self._inbox.put(update)

    def _slot_seen(self, slot: int, parent: int | None, received_mono_ns: int) -> None:
        fork_count = self._market.forks.count
        doubted = self._market.slot_seen(slot, received_mono_ns, parent=parent)
        if self._market.forks.count > fork_count:
            self._log.warning("a fork took slots back", slot=slot, parent=parent, pools_in_doubt=len(doubted))
            self._poll_now.set()
        elif doubted:
            self._regressed()

    def _doubted(self, pubkey: Pubkey | None) -> None:
        """Something was said of an account, or of nobody knows which, that cannot be relied on."""
        store = self._market.store
        if pubkey is None:
            doubted = self._market.doubt([entry.pool.address for entry in store], Doubt.UNREADABLE)
        else:
            doubted = self._market.doubt(store.pool_ids_on(pubkey), Doubt.UNREADABLE)
        if doubted:
            self._poll_now.set()

    def _connected(self) -> None:
        self._gaps.forget_awaited()
        self._market.forks.begin_anew()
        self._ask_chain.set()

    def _regressed(self) -> None:
        progress, now_mono_ns = self._market.progress, self._clock.mono_ns()
        if now_mono_ns - self._regression_told_mono_ns >= _REGRESSION_TOLD_NS:
            self._regression_told_mono_ns = now_mono_ns
            self._log.warning("the node's slots went back", newest_slot=progress.slot, slot=progress.told_slot)
        self._ask_chain.set()
        self._poll_now.set()

    def _apply(self, updates: Sequence[AccountUpdate]) -> None:
        was_regressed, kept_slot = self._market.progress.is_regressed, self._market.newest_slot
        change = self._market.apply(updates)
        if self._market.newest_slot < kept_slot:
            slot = self._market.newest_slot
            self._log.warning("what was kept is of later slots than the node's; begun anew", kept=kept_slot, slot=slot)
        if self._market.progress.is_regressed and not was_regressed:
            self._regressed()
        if change.unannounced:
            self._gaps.shown(change.unannounced, self.feed.followed, self._feed_mono_ns())
        self.wanted_changed(change)

    def _apply_read(self, updates: Sequence[AccountUpdate]) -> None:
        """Take in what was read, and then what was held until it was."""
        self._apply(updates)
        if self._companions:
            ready = self._companions.take_again(self._clock.mono_ns())
            if ready:
                self._apply(ready)
            self._doubt_torn()

    def _feed_mono_ns(self) -> int:
        """When the feed is where answers are now: it may stand on an endpoint that is some slots behind theirs."""
        feed_slot = self.feed.counts.slot
        behind_slots = max(0, self._market.progress.slot - feed_slot) if feed_slot else 0
        return self._clock.mono_ns() + min(behind_slots, SLOTS_APART_MAX) * SLOT_NS_NOMINAL

    def hurry(self, input_mint: Pubkey, output_mint: Pubkey) -> None:
        """Somebody wants this pair now: read its pools ahead of the queue unless they were confirmed just now."""
        now_mono_ns = self._clock.mono_ns()
        for entry in self._market.store.of_pair(input_mint, output_mint):
            if entry.age_ns(now_mono_ns) > self._basic_interval_s * 1e9:
                self._plan.hurry(entry.pool.address)
                self._poll_now.set()

    async def _apply_arrived(self) -> None:
        while True:
            updates = await self._inbox.take()
            self.counts.batch_count += 1
            believable, ready = self._parted(updates)
            ready += self._companions.take(believable, self._clock.mono_ns())
            self._apply(ready)
            self._doubt_torn()
            if self.is_feed_lossy:
                self._doubt_changed(ready)
            if self._companions:
                self._parts_held.set()

    def _parted(self, updates: Sequence[AccountUpdate]) -> tuple[Sequence[AccountUpdate], list[AccountUpdate]]:
        """Those of slots that can be, and the others: nothing waits for them, and the market says what they mean."""
        progress, dead, now_mono_ns = self._market.progress, self._market.forks.dead, self._clock.mono_ns()
        if not dead and progress.is_possible(max(update.slot for update in updates), now_mono_ns):
            return updates, []
        believable: list[AccountUpdate] = []
        others: list[AccountUpdate] = []
        for update in updates:
            is_possible = update.slot not in dead and progress.is_possible(update.slot, now_mono_ns)
            (believable if is_possible else others).append(update)
        return believable, others

    async def _read_parts(self) -> None:
        """Read the pools of which a part was notified and not the rest, or of which nothing tells that it is all."""
        room = asyncio.Semaphore(_PART_READS_AT_ONCE_MAX)
        async with asyncio.TaskGroup() as tasks:
            while True:
                async with room:  # what comes due until there is some is read together
                    pass
                due = [
                    entry
                    for pool_id in self._companions.due(self._clock.mono_ns())
                    if (entry := self._market.store.entry(pool_id)) is not None
                ]
                if due:
                    tasks.create_task(self._read_part(due, room))
                due_mono_ns = self._companions.next_due_mono_ns()
                wait_s = None if due_mono_ns is None else max(0, due_mono_ns - self._clock.mono_ns()) / NS_PER_S
                self._parts_held.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._parts_held.wait()

    async def _read_part(self, entries: Sequence[PoolEntry], room: asyncio.Semaphore) -> None:
        async with room:
            await self._poll(entries)
        self._companions.was_read([entry.pool.address for entry in entries], self._clock.mono_ns())
        self._parts_held.set()

    def _doubt_torn(self) -> None:
        if self._market.doubt(self._companions.take_torn(), Doubt.TORN):
            self._poll_now.set()

    def _doubt_changed(self, updates: Sequence[AccountUpdate]) -> None:
        """What is notified while others are lost may be the half of something: it is read before it is relied on."""
        store = self._market.store
        changed = {pool_id for update in updates for pool_id in store.pool_ids_on(update.pubkey)}
        if self._market.doubt(changed, Doubt.LOSSY_FEED):
            self._poll_now.set()

    async def _watch_chain(self) -> None:
        """Ask which chain the node serves, whenever it may be another one; begin anew when it is."""
        while True:
            await self._ask_chain.wait()
            self._ask_chain.clear()
            try:
                genesis_hash = await self._rpc.get_genesis_hash()
            except UpstreamError:
                self._ask_chain.set()
            else:
                if genesis_hash is not None:
                    if self._genesis_hash not in (None, genesis_hash):
                        self._log.warning("the node serves another chain", before=self._genesis_hash, now=genesis_hash)
                        self._has_origins = False
                        self._market.begin_anew()
                        self._companions.begin_anew()
                        self._poll_now.set()
                    self._genesis_hash = genesis_hash
            await asyncio.sleep(_CHAIN_PAUSE_S)

    async def _poll_pools(self) -> None:
        while True:
            self.wanted_changed(self._market.renew_needs())
            due = self._plan.due(
                self._market.store,
                self._clock.mono_ns(),
                event_driven=self.feed.is_live,
                is_wanted=lambda entry: self._market.table.wants(entry.pair),
            )
            if due and not await self._poll(_first(due)):
                await asyncio.sleep(_POLL_BACKOFF_S * random.uniform(0.5, 1.0))
            self._poll_now.clear()
            try:
                async with asyncio.timeout(_POLL_TICK_S):
                    await self._poll_now.wait()
            except TimeoutError:
                continue

    async def _poll(self, entries: Sequence[PoolEntry]) -> bool:
        """Read pools whole; False when the node did not answer."""
        self._plan.polled(entries, self._clock.mono_ns())
        is_answered = await self._read_and_apply([entry.accounts for entry in entries])
        if not is_answered:
            self._plan.unanswered(entries)
        return is_answered

    async def _poll_basics(self) -> None:
        """The chain's clock and the oracles; without the clock nothing is quoted."""
        while True:
            can_vouch = self._market.progress.has_advanced
            if await self._read_and_apply([self._market.basic_accounts()]):
                await self._learn_origins()
            await asyncio.sleep(self._basic_interval_s if can_vouch else min(_START_PAUSE_S, self._basic_interval_s))

    async def _learn_origins(self) -> None:
        if self._has_origins:
            return
        try:
            origins = await self._rpc.get_provenance(self._market.oracle.accounts)
        except UpstreamError as error:
            self._log.warning("origins of the oracles are not known", reason=str(error))
            return
        for pubkey, origin in origins.items():
            self._market.oracle.set_provenance(pubkey, origin)
        self._has_origins = True

    async def _read_and_apply(self, groups: Sequence[Sequence[Pubkey]]) -> bool:
        self.counts.poll_count += 1
        try:
            updates = await self._reader.read_groups(groups)
        except PartlyRead as error:
            self.counts.poll_partial_count += 1
            if str(error.fault) != self.counts.poll_partial_fault:
                self._log.warning("a part of the accounts cannot be read", reason=str(error.fault))
            self.counts.poll_partial_fault = str(error.fault)
            self.counts.poll_partial_mono_ns = self._clock.mono_ns()
            updates = list(error.updates)
        except UpstreamError as error:
            self.counts.poll_failed_count += 1
            if not self.counts.poll_fault:
                self._log.warning("the node does not answer", reason=str(error))
            self.counts.poll_fault = str(error)
            return False
        if self.counts.poll_fault:
            self._log.info("the node answers again")
            self.counts.poll_fault = ""
        self._apply_read(updates)
        return True

    async def _sweep(self) -> None:
        """Look at every pool each interval, and whenever one goes stale."""
        while True:
            aging_ns = self._market.next_aging_ns()
            pause_s = self._sweep_interval_s if aging_ns is None else min(self._sweep_interval_s, aging_ns / NS_PER_S)
            await asyncio.sleep(max(pause_s, _SWEEP_PAUSE_S_MIN))
            self._market.sweep()
            self._tell_losses()
            self._spare_collector()

    async def _measure_depths(self) -> None:
        """Measure what swaps have done to depths, beside the way of the prices and at a bounded rate."""
        while True:
            await asyncio.sleep(_DEPTHS_PAUSE_S)
            self._market.measure_depths(_DEPTHS_AT_ONCE_MAX)

    async def _find_row_routes(self) -> None:
        """Look for the routes of rows, beside the way of the prices and one direction at a time."""
        while True:
            await asyncio.sleep(_ROUTES_PAUSE_S)
            self._market.find_row_routes()

    def _spare_collector(self) -> None:
        held_count = self._market.store.account_count + len(self._market.table)
        if self._collector_rest is not None and self._collector_rest.look(held_count):
            self._log.info("what is held has come to rest", accounts_and_rows=held_count)

    def _tell_losses(self) -> None:
        is_lossy = self.is_feed_lossy
        if is_lossy != self._was_lossy:
            log = self._log.warning if is_lossy else self._log.info
            log("the feed loses notifications" if is_lossy else "the feed loses nothing any more", lost=self.gap_count)
        self._was_lossy = is_lossy


def _first(entries: Sequence[PoolEntry]) -> Sequence[PoolEntry]:
    """As many of the pools as `_ACCOUNTS_PER_POLL_MAX` leaves room for, but one at least."""
    room = _ACCOUNTS_PER_POLL_MAX
    for count, entry in enumerate(entries):
        room -= len(entry.accounts)
        if room < 0:
            return entries[: max(1, count)]
    return entries
