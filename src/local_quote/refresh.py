"""Keep the market current: the feed's changes first, polling to confirm and to fill gaps, a sweep for what went stale.

A swap changes several accounts, and their notifications come one by one. They are gathered until none has come for
`settle`, and half a swap waits a little for its other half (`companions`), so that a pool is not priced with one
vault from before and one from after.
"""

import asyncio
import contextlib
import random
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import structlog

from local_quote.companions import Companions
from local_quote.market import Market, WantedChange
from local_quote.poll_plan import PollPlan
from local_quote.pool_reader import PoolReader
from local_quote.pool_store import PoolEntry
from quote_core.clock import Clock
from quote_core.errors import UpstreamError
from quote_core.solana import AccountFeed, AccountUpdate, PartlyRead, RpcClient
from quote_core.units import Pubkey

__all__ = ["RefreshCounts", "Refresher", "UpdateInbox"]

_POLL_TICK_S = 0.1
_RECHECK_S = 0.002
_POLL_BACKOFF_S = 1.0
_SETTLE_ROUNDS_MAX = 5
"""A stream of updates that never pauses is priced after this many `settle` anyway."""


@dataclass(slots=True)
class RefreshCounts:
    """What happened since the start; `poll_fault` is the last failure's reason, empty when the last poll worked.

    A poll that brought a part is no failed one: the node is well, and one request or account of many is not.
    """

    poll_count: int = 0
    poll_failed_count: int = 0
    poll_partial_count: int = 0
    batch_count: int = 0
    poll_fault: str = ""
    poll_partial_fault: str = ""


@dataclass(frozen=True, slots=True)
class SlotMark:
    """A slot that began, and the accounts followed at that time."""

    slot: int
    received_mono_ns: int
    followed: Set[Pubkey]


class UpdateInbox:
    """What has come and is not priced yet: the newest update of each account, so it is bounded by the accounts."""

    def __init__(self) -> None:
        self._newest: dict[Pubkey, AccountUpdate] = {}
        self._slot_mark: SlotMark | None = None
        self._arrived = asyncio.Event()
        self._arrived_count = 0

    def put(self, update: AccountUpdate) -> None:
        """Take an update in; the feed hands them over in slot order, so the newer one replaces."""
        self._newest[update.pubkey] = update
        self._arrived_count += 1
        self._arrived.set()

    def put_slot(self, slot: int, received_mono_ns: int, followed: Set[Pubkey]) -> None:
        """Take a slot in; it confirms what came before it, so it must not overtake that."""
        self._slot_mark = SlotMark(slot, received_mono_ns, frozenset(followed))
        self._arrived.set()

    def put_back(self, updates: Iterable[AccountUpdate], slot_mark: SlotMark | None) -> None:
        """Keep what is not to be applied yet; what came meanwhile is newer and stays."""
        for update in updates:
            self._newest.setdefault(update.pubkey, update)
        self._slot_mark = self._slot_mark or slot_mark

    async def take_settled(self, settle_s: float) -> tuple[list[AccountUpdate], SlotMark | None]:
        """Wait for updates, then until none came for `settle_s`, and take them all, with the newest slot.

        What was put back is taken again after `_RECHECK_S` even if nothing comes.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_RECHECK_S if self._newest else None):
                await self._arrived.wait()
        for _ in range(_SETTLE_ROUNDS_MAX):
            count_before = self._arrived_count
            await asyncio.sleep(settle_s)
            if self._arrived_count == count_before:
                break
        self._arrived.clear()
        taken, slot_mark = list(self._newest.values()), self._slot_mark
        self._newest.clear()
        self._slot_mark = None
        return taken, slot_mark


class Refresher:
    """The loops that feed the market. `feed` must hand its updates to `inbox.put`, its slots to `inbox.put_slot`."""

    def __init__(
        self,
        *,
        market: Market,
        rpc: RpcClient,
        reader: PoolReader,
        feed: AccountFeed,
        inbox: UpdateInbox,
        companions: Companions,
        plan: PollPlan,
        clock: Clock,
        settle_s: float,
        basic_interval_s: float,
        sweep_interval_s: float,
    ) -> None:
        self._market = market
        self._rpc = rpc
        self._reader = reader
        self._feed = feed
        self._inbox = inbox
        self._companions = companions
        self._plan = plan
        self._clock = clock
        self._settle_s = settle_s
        self._basic_interval_s = basic_interval_s
        self._sweep_interval_s = sweep_interval_s
        self._poll_now = asyncio.Event()
        self._has_origins = False
        self._log = structlog.get_logger(part="refresh")
        self.counts = RefreshCounts()

    async def run(self) -> None:
        """Run all loops until cancelled."""
        self._feed.watch(self._market.basic_accounts())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feed.run())
            tasks.create_task(self._apply_settled())
            tasks.create_task(self._poll_pools())
            tasks.create_task(self._poll_basics())
            tasks.create_task(self._sweep())

    def wanted_changed(self, change: WantedChange) -> None:
        """Follow the accounts that came to be wanted, leave those that are not any more."""
        if change.lost:
            self._feed.unwatch(sorted(change.lost))
        if change.gained:
            self._feed.watch(sorted(change.gained))
            self._poll_now.set()

    def hurry(self, input_mint: Pubkey, output_mint: Pubkey) -> None:
        """Somebody wants this pair now: read its pools ahead of the queue unless they were confirmed just now."""
        now_mono_ns = self._clock.mono_ns()
        for entry in self._market.store.of_pair(input_mint, output_mint):
            if entry.age_ns(now_mono_ns) > self._basic_interval_s * 1e9:
                self._plan.hurry(entry.pool.address)
                self._poll_now.set()

    async def _apply_settled(self) -> None:
        while True:
            updates, slot_mark = await self._inbox.take_settled(self._settle_s)
            self.counts.batch_count += 1
            ready, held = self._companions.split(updates, self._clock.mono_ns())
            self.wanted_changed(self._market.apply(ready))
            if held:  # the slot confirms what it holds back, too, so it waits along
                self._inbox.put_back(held, slot_mark)
            elif slot_mark is not None:
                self._market.slot_seen(slot_mark.slot, slot_mark.received_mono_ns, slot_mark.followed)

    async def _poll_pools(self) -> None:
        while True:
            due = self._plan.due(self._market.store, self._clock.mono_ns(), event_driven=self._feed.is_live)
            if due and not await self._poll(due):
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
            if await self._read_and_apply([self._market.basic_accounts()]):
                await self._learn_origins()
            await asyncio.sleep(self._basic_interval_s)

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
        self.wanted_changed(self._market.apply(updates))
        return True

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._sweep_interval_s)
            self._market.sweep()
