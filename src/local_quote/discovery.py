"""Find the pools of the watched pairs on chain and take them in, now and again every few minutes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from local_quote.dependencies import pair_key
from local_quote.market import LocalMarket, WantedChange
from quote_core.clock import Clock
from quote_core.dex.pool import Pool
from quote_core.dex.programs import BY_DEX, PoolFilter, decode_pool, pool_filters, token_filters
from quote_core.errors import CorruptAccount, RequestError, RpcFailed, RpcUnavailable, UpstreamError
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
_HELD_BY_HALF = frozenset({"native", "stable"})


@dataclass(slots=True)
class DiscoveryCounts:
    """What the searches met since the start."""

    search_count: int = 0
    search_failed_count: int = 0
    search_refused_count: int = 0
    found_count: int = 0
    unreadable_count: int = 0
    left_out_count: int = 0


@dataclass(frozen=True, slots=True)
class _Opened:
    pool: Pool
    update: AccountUpdate


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
    """Searches with getProgramAccounts where allowed, and reads the pools named in the settings."""

    def __init__(
        self,
        *,
        rpc: RpcClient,
        market: LocalMarket,
        clock: Clock,
        on_wanted: Callable[[WantedChange], None],
        named_pools: Sequence[Pubkey],
        is_searching: bool,
        interval_s: float,
        pool_count_max: int,
    ) -> None:
        self._rpc = rpc
        self._market = market
        self._clock = clock
        self._on_wanted = on_wanted
        self._named_pools = named_pools
        self._questions = questions_of(market.registry.pairs) if is_searching else []
        self._interval_s = interval_s
        self._is_node_failing = False
        self._pool_count_max = pool_count_max
        self._watched = {pair_key(pair.base.mint, pair.quote.mint) for pair in market.registry.pairs}
        self._log = structlog.get_logger(part="discovery")
        self.counts = DiscoveryCounts()
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
                await asyncio.sleep(self._interval_s)
            else:
                await asyncio.sleep(_RETRY_S if self._is_node_failing else refused.next_s())

    async def search_once(self) -> bool:
        """Ask for everything once; False when something was not answered, and has to be asked again.

        A node that fails ends the round, and the rest is left for the next time; a node that refuses one question
        may well answer the others.
        """
        room = asyncio.Semaphore(_SEARCHES_AT_ONCE_MAX)
        fault: UpstreamError | None = None
        refusal: UpstreamError | None = None

        async def ask(question: PoolFilter | None) -> None:
            nonlocal fault, refusal
            async with room:
                if fault is not None:
                    return
                try:
                    await (self._read_named() if question is None else self._search(question))
                except UpstreamError as error:
                    if isinstance(error, RpcFailed) and not isinstance(error, RpcUnavailable):
                        self.counts.search_refused_count += 1
                        refusal = error
                    else:
                        fault = error

        async with asyncio.TaskGroup() as tasks:
            for question in (None, *self._questions):
                tasks.create_task(ask(question))
        self._is_node_failing = fault is not None
        reason = fault or refusal
        if reason is not None:
            self.counts.search_failed_count += 1
            if str(reason) != self.fault:
                self._log.warning("pools could not be searched", reason=str(reason))
        self.fault = "" if reason is None else str(reason)
        return reason is None

    async def _search(self, question: PoolFilter) -> None:
        self.counts.search_count += 1
        found = await self._rpc.get_program_accounts(question.program_id, question.rpc_filters())
        await self._take_in(self._as_updates(one for one in found if self._may_be_watched(question, one)))

    def _may_be_watched(self, question: PoolFilter, found: FoundAccount) -> bool:
        """Whether it is of a watched pair; a token asked for alone has others. What is no pool at all is told apart."""
        mints = BY_DEX[question.dex].mints_of(found.account)
        return mints is None or pair_key(*mints) in self._watched

    async def _read_named(self) -> None:
        missing = [pool_id for pool_id in self._named_pools if pool_id not in self._market.store]
        if not missing:
            return
        try:
            await self._take_in(await self._rpc.get_multiple_accounts(missing))
        except PartlyRead as error:
            await self._take_in(error.updates)
            raise

    def _as_updates(self, found: Iterable[FoundAccount]) -> list[AccountUpdate]:
        now_mono_ns = self._clock.mono_ns()
        return [
            AccountUpdate(one.pubkey, one.slot, one.account, now_mono_ns, UpdateSource.ANSWER)
            for one in found
            if one.pubkey not in self._market.store
        ]

    async def _take_in(self, updates: Sequence[AccountUpdate]) -> None:
        for opened in self._open(updates):
            pool = opened.pool
            accounts = [pool.address, *(need.pubkey for need in pool.accounts_needed())]
            origins = await self._rpc.get_provenance(accounts)
            if pool.address in self._market.store:  # two questions found it at once
                continue
            if len(self._market.store) >= self._pool_count_max:
                self.counts.left_out_count += 1
                continue
            self.counts.found_count += 1
            self._on_wanted(self._market.add_pool(pool, opened.update, worst_provenance(origins.values())))

    def _open(self, updates: Sequence[AccountUpdate]) -> Iterator[_Opened]:
        for update in updates:
            if update.account is None:
                self._log.warning("a named pool does not exist", pool=update.pubkey)
                continue
            try:
                pool = decode_pool(update.pubkey, update.account)
                self._market.registry.pair(pool.mint_a, pool.mint_b)
            except (CorruptAccount, RequestError) as error:
                self.counts.unreadable_count += 1
                self._log.warning("an account is no pool that can be held", pool=update.pubkey, reason=str(error))
                continue
            yield _Opened(pool, update)
