"""Find the pools of the watched pairs, and hold those worth it, now and again every few minutes.

A round asks for everything that could be held: by getProgramAccounts, by lists, and by name. What is found is measured,
then ranked together with what is held (`pool_ranking`): that something was found first counts for nothing. Between
rounds the pools are looked at that were heard of meanwhile (`new_pools`), and ranked in the same way. A depth
counts for `rerank_ns`; then it is measured again, of held pools too, and a pool that is no longer worth it is let go.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from local_quote.dependencies import pair_key
from local_quote.market import LocalMarket, WantedChange
from local_quote.pool_depth import DepthReader, depth_lamports
from local_quote.pool_lists import PoolLists
from local_quote.pool_ranking import Candidate, DroppedPool, RankingLimits, ranked
from quote_core.clock import Clock
from quote_core.dex.pool import Pool
from quote_core.dex.programs import BY_DEX, PROGRAMS, PoolFilter, decode_pool, pool_filters, token_filters
from quote_core.errors import (
    CorruptAccount,
    NotTradable,
    RequestError,
    RpcFailed,
    RpcUnavailable,
    UpstreamError,
)
from quote_core.quotes import worst_provenance
from quote_core.resilience import Backoff
from quote_core.solana import AccountUpdate, FoundAccount, PartlyRead, RpcClient, UpdateSource
from quote_core.tokens import Pair
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["Discovery", "DiscoveryCounts", "questions_of"]

_RETRY_S = 1.0
_REFUSED_RETRY_NS_MAX = 60 * NS_PER_S
"""What a node refuses, it mostly refuses again; what it offers from now on should not wait for the next interval."""
_SEARCHES_AT_ONCE_MAX = 4
_GATHER_S = 0.2
"""How long pools heard of are gathered before they are looked at."""
_HEARD_COUNT_MAX = 1_000
_LOOKED_AT_COUNT_MAX = 100_000
"""Addresses of other pairs' pools; beyond it they are looked at again."""
_HELD_BY_HALF = frozenset({"native", "stable"})


@dataclass(slots=True)
class DiscoveryCounts:
    """What the searches met since the start; `left_out_count` counts a pool each time it comes to be dropped."""

    search_count: int = 0
    search_failed_count: int = 0
    search_refused_count: int = 0
    found_count: int = 0
    unreadable_count: int = 0
    left_out_count: int = 0
    let_go_count: int = 0
    """Of these, pools that were held until then."""
    heard_count: int = 0
    """Pools heard of between two rounds, and looked at."""
    follow_refused_count: int = 0
    """Subscriptions to new pools that a node refused."""


@dataclass(frozen=True, slots=True)
class _Found:
    pool: Pool
    update: AccountUpdate

    def scratch(self) -> Pool:
        """Another pool of the same bytes, to be measured and let go."""
        assert self.update.account is not None
        return decode_pool(self.update.pubkey, self.update.account)


@dataclass(frozen=True, slots=True)
class _Measured:
    depth_lamports: int | None
    mono_ns: int


def questions_of(pairs: Iterable[Pair]) -> list[PoolFilter]:
    """Few questions that find the pools of all pairs on every DEX.

    A token of several pairs is asked for once for all of them, those of most pairs first. Not so what half of all pools
    hold, SOL and stablecoins: a node would answer with everything. What is left is asked for pair by pair.
    """
    left = {frozenset((pair.base, pair.quote)): pair for pair in pairs}
    questions: list[PoolFilter] = []
    while left:
        counts = Counter(token for tokens in left for token in tokens if token.category not in _HELD_BY_HALF)
        token, count = counts.most_common(1)[0] if counts else (None, 0)
        if token is None or count < 2:
            break
        questions += token_filters(token.mint)
        left = {tokens: pair for tokens, pair in left.items() if token not in tokens}
    for pair in left.values():
        questions += pool_filters(pair.base.mint, pair.quote.mint)
    return questions


class Discovery:
    """See the module.

    Args:
        rpc: The node.
        market: What holds pools.
        depths: Measures those that are not held.
        lists: Whose addresses are looked at beside what the node finds.
        clock: Of intervals.
        on_wanted: Told which accounts came to be wanted, or no longer are.
        named_pools: Held whatever their depth.
        is_searching: Whether the node is asked with getProgramAccounts.
        interval_s: Between two rounds.
        rerank_ns: For how long a measured depth counts.
        limits: What is held at most.
    """

    def __init__(
        self,
        *,
        rpc: RpcClient,
        market: LocalMarket,
        depths: DepthReader,
        lists: PoolLists,
        clock: Clock,
        on_wanted: Callable[[WantedChange], None],
        named_pools: Sequence[Pubkey],
        is_searching: bool,
        interval_s: float,
        rerank_ns: int,
        limits: RankingLimits,
    ) -> None:
        self._rpc = rpc
        self._market = market
        self._depths = depths
        self._lists = lists
        self._clock = clock
        self._on_wanted = on_wanted
        self._named_pools = frozenset(named_pools)
        self._questions = questions_of(market.registry.pairs) if is_searching else []
        self._interval_s = interval_s
        self._rerank_ns = rerank_ns
        self._limits = limits
        self._is_node_failing = False
        self._watched = {pair_key(pair.base.mint, pair.quote.mint) for pair in market.registry.pairs}
        self._measured: dict[Pubkey, _Measured] = {}
        self._unfound: set[Pubkey] = set()
        self._unreadable: set[Pubkey] = set()
        """Told once."""
        self._heard: set[Pubkey] = set()
        self._looked_at: set[Pubkey] = set()
        self._has_heard = asyncio.Event()
        self._log = structlog.get_logger(part="discovery")
        self.counts = DiscoveryCounts()
        self.dropped: dict[Pubkey, DroppedPool] = {}
        """By address, as of the last round."""
        self.fault = ""
        """Why the last round was not complete; empty when it was."""

    async def run(self) -> None:
        """Search until cancelled: soon again while the node fails, ever later while it refuses, else every interval."""
        refused = Backoff(first_ns=NS_PER_S, pause_ns_max=_REFUSED_RETRY_NS_MAX)
        while True:
            held_before = len(self._market.store)
            is_complete = await self.search_once()
            held = len(self._market.store)
            if held > held_before:
                self._log.info("pools found", new=held - held_before, held=held)
            if is_complete:
                refused.reset()
                await self._rest(self._interval_s)
            else:
                await self._rest(_RETRY_S if self._is_node_failing else refused.next_s())

    @property
    def questions(self) -> Sequence[PoolFilter]:
        """What nodes are asked; empty without a search."""
        return self._questions

    def hear(self, pool_id: Pubkey) -> None:
        """A pool of this address is new, or has changed."""
        if (
            pool_id not in self._market.store
            and pool_id not in self._looked_at
            and pool_id not in self.dropped
            and len(self._heard) < _HEARD_COUNT_MAX
        ):
            self._heard.add(pool_id)
            self._has_heard.set()

    async def _rest(self, pause_s: float) -> None:
        """Until the next round, but for pools heard of."""
        end_s = asyncio.get_running_loop().time() + pause_s
        while True:
            try:
                async with asyncio.timeout_at(end_s):
                    await self._has_heard.wait()
            except TimeoutError:
                return
            await asyncio.sleep(_GATHER_S)
            await self.look_at_heard()

    async def look_at_heard(self) -> None:
        """Rank the pools heard of; of one that cannot be read now, something is heard again."""
        heard, self._heard = sorted(self._heard), set()
        self._has_heard.clear()
        if not heard:
            return
        try:
            updates: Sequence[AccountUpdate] = await self._rpc.get_multiple_accounts(heard)
        except PartlyRead as error:
            updates = error.updates
        except UpstreamError:
            return
        self.counts.heard_count += len(updates)
        if len(self._looked_at) + len(updates) > _LOOKED_AT_COUNT_MAX:
            self._looked_at.clear()
        self._looked_at.update(update.pubkey for update in updates if update.account is not None)
        found = self._opened(update for update in updates if self._is_of_watched(update))
        with contextlib.suppress(UpstreamError):  # then the next round finds it
            await self._hold_the_deepest(found, is_all=False)

    def _is_of_watched(self, update: AccountUpdate) -> bool:
        if update.account is None or update.account.owner not in PROGRAMS:
            return False
        mints = PROGRAMS[update.account.owner].mints_of(update.account)
        return mints is not None and pair_key(*mints) in self._watched

    def restored(self, pool_id: Pubkey, depth_lamports: int | None) -> None:
        """A pool is held as it was kept before the start: until a whole round has not found it."""
        self._unfound.add(pool_id)
        self._note({pool_id: depth_lamports})

    def depth_lamports(self, pool_id: Pubkey) -> int | None:
        """What a pool was measured at last."""
        measured = self._measured.get(pool_id)
        return None if measured is None else measured.depth_lamports

    async def search_once(self) -> bool:
        """Ask for everything once; False when something was not answered, and has to be asked again.

        A node that fails ends the round, and the rest is left for the next time; a node that refuses one question
        may well answer the others.
        """
        room = asyncio.Semaphore(_SEARCHES_AT_ONCE_MAX)
        found: dict[Pubkey, AccountUpdate] = {}
        fault: UpstreamError | None = None
        refusal: UpstreamError | None = None

        async def ask(question: PoolFilter | None) -> None:
            nonlocal fault, refusal
            async with room:
                if fault is not None:
                    return
                try:
                    updates = await (self._read_listed() if question is None else self._search(question))
                    found.update((update.pubkey, update) for update in updates)
                except UpstreamError as error:
                    if isinstance(error, PartlyRead):
                        found.update((update.pubkey, update) for update in error.updates)
                    if isinstance(error, RpcFailed) and not isinstance(error, RpcUnavailable):
                        self.counts.search_refused_count += 1
                        refusal = error
                    else:
                        fault = error

        async with asyncio.TaskGroup() as tasks:
            for question in (None, *self._questions):
                tasks.create_task(ask(question))
        try:
            await self._hold_the_deepest(self._opened(found.values()), is_all=fault is None and refusal is None)
        except UpstreamError as error:
            fault = error
        self._is_node_failing = fault is not None
        reason = fault or refusal
        if reason is not None:
            self.counts.search_failed_count += 1
            if str(reason) != self.fault:
                self._log.warning("pools could not be searched", reason=str(reason))
        self.fault = "" if reason is None else str(reason)
        if reason is None and not self._lists.fault:
            self._let_go_unfound()
        return reason is None

    def _let_go_unfound(self) -> None:
        for pool_id in self._unfound:
            if pool_id in self._market.store:
                self.counts.let_go_count += 1
                self._log.info("a pool is let go", pool=pool_id, reason="kept from before the start and not found")
                self._on_wanted(self._market.remove_pool(pool_id))
        self._unfound.clear()

    async def _search(self, question: PoolFilter) -> list[AccountUpdate]:
        self.counts.search_count += 1
        found = await self._rpc.get_program_accounts(question.program_id, question.rpc_filters())
        now_mono_ns = self._clock.mono_ns()
        self._unfound.difference_update(one.pubkey for one in found)
        return [
            AccountUpdate(one.pubkey, one.slot, one.account, now_mono_ns, UpdateSource.ANSWER)
            for one in found
            if one.pubkey not in self._market.store and self._may_be_watched(question, one)
        ]

    def _may_be_watched(self, question: PoolFilter, found: FoundAccount) -> bool:
        """Whether it is of a watched pair; a token asked for alone has others. What is no pool at all is told apart."""
        mints = BY_DEX[question.dex].mints_of(found.account)
        return mints is None or pair_key(*mints) in self._watched

    async def _read_listed(self) -> Sequence[AccountUpdate]:
        """Pools known by address alone: those named, and those on lists.

        Raises:
            UpstreamError: See `RpcClient.get_multiple_accounts`.
        """
        listed = self._named_pools | await self._lists.addresses(self._market.registry.pairs)
        self._unfound -= listed
        missing = sorted(listed - self._unreadable - {entry.pool.address for entry in self._market.store})
        return await self._rpc.get_multiple_accounts(missing) if missing else ()

    def _opened(self, updates: Iterable[AccountUpdate]) -> dict[Pubkey, _Found]:
        """Of what was found, the pools that can be held."""
        opened = {}
        for update in updates:
            if update.pubkey in self._market.store:
                continue
            if update.account is None:
                self._tell_once(update.pubkey, "a pool named or listed does not exist")
                continue
            try:
                pool = decode_pool(update.pubkey, update.account)
                self._market.registry.pair(pool.mint_a, pool.mint_b)
            except (CorruptAccount, RequestError) as error:
                self._tell_once(update.pubkey, "an account is no pool that can be held", reason=str(error))
                continue
            opened[update.pubkey] = _Found(pool, update)
        return opened

    def _tell_once(self, pool_id: Pubkey, what: str, **why: str) -> None:
        if pool_id not in self._unreadable:
            self._unreadable.add(pool_id)
            self.counts.unreadable_count += "reason" in why
            self._log.warning(what, pool=pool_id, **why)

    async def _hold_the_deepest(self, found: Mapping[Pubkey, _Found], *, is_all: bool) -> None:
        """Rank what was found and what is held; `is_all` = what is known and was not found is no more.

        Raises:
            UpstreamError: Depths or origins could not be read; nothing has changed but what was taken in before.
        """
        due = [one for pool_id, one in found.items() if self._is_due(pool_id)]
        self._note(await self._depths.measure([one.scratch() for one in due]) if due else {})
        await self._measure_held()
        candidates = [self._candidate(one.pool, is_held=False) for one in found.values()]
        candidates += [self._candidate(entry.pool, is_held=True) for entry in self._market.store]
        if not is_all:
            candidates += [one.candidate for pool_id, one in self.dropped.items() if pool_id not in found]
        kept, dropped = ranked(candidates, self._limits)
        self._drop(dropped)
        for candidate in kept:
            if candidate.pool_id in found:
                await self._take_in(found[candidate.pool_id])
        known = {candidate.pool_id for candidate in candidates}
        self._measured = {pool_id: one for pool_id, one in self._measured.items() if pool_id in known}

    def _is_due(self, pool_id: Pubkey) -> bool:
        measured = self._measured.get(pool_id)
        return measured is None or self._clock.mono_ns() - measured.mono_ns >= self._rerank_ns

    def _note(self, depths: Mapping[Pubkey, int | None]) -> None:
        now_mono_ns = self._clock.mono_ns()
        self._measured.update((pool_id, _Measured(depth, now_mono_ns)) for pool_id, depth in depths.items())

    async def _measure_held(self) -> None:
        """Of what is held the depth is told by what is held of it, as soon as that is usable."""
        market = self._market
        for entry in list(market.store):
            pool_id, clock = entry.pool.address, market.chain_clock
            measured = self._measured.get(pool_id)
            is_known = measured is not None and measured.depth_lamports is not None
            if clock is None or (is_known and not self._is_due(pool_id)) or not market.quoter.is_usable(entry):
                continue
            try:
                depth = depth_lamports(market.store.scratch(entry), clock, market.lamports_per_unit)
            except (NotTradable, CorruptAccount):
                depth = None
            self._note({pool_id: depth})
            await asyncio.sleep(0)  # half a millisecond each: updates are not to wait for all of them

    def _candidate(self, pool: Pool, *, is_held: bool) -> Candidate:
        return Candidate(
            pool_id=pool.address,
            pair=pair_key(pool.mint_a, pool.mint_b),
            dex=pool.dex,
            depth_lamports=self.depth_lamports(pool.address),
            is_named=pool.address in self._named_pools,
            is_held=is_held,
        )

    def _drop(self, dropped: Iterable[DroppedPool]) -> None:
        before = dict(self.dropped)
        self.dropped.clear()
        for one in dropped:
            candidate = one.candidate
            self.dropped[candidate.pool_id] = one
            self.counts.left_out_count += candidate.pool_id not in before
            if candidate.is_held:
                self.counts.let_go_count += 1
                self._log.info("a pool is let go", pool=candidate.pool_id, reason=one.reason.value)
                self._on_wanted(self._market.remove_pool(candidate.pool_id))

    async def _take_in(self, found: _Found) -> None:
        pool = found.pool
        accounts = [pool.address, *(need.pubkey for need in pool.accounts_needed())]
        origins = await self._rpc.get_provenance(accounts)
        self.counts.found_count += 1
        self._on_wanted(self._market.add_pool(pool, found.update, worst_provenance(origins.values())))
