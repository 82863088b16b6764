"""What a quote rests on, found again from its id: the accounts as they were held, the chain's clock, the way. No I/O.

A quote of one pool is found by what its id says. Of the moments at which the pool was held as of the id's slot, the
last is taken whose accounts give what the id claims: within a slot a pool may be quoted from several states, and the
chain's clock may have turned its price. A searched route, or a wanted output, says less of itself; the service notes
the moment of each that it tells (`RoutesTold`). Of a row's route the moments at which it was priced are known
(`ChainsPriced`): the last of them is taken that gives what the id claims.

Nobody quotes slower for it: what is looked at here is what `AccountHistory` keeps.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from local_quote.account_history import AccountHistory, AccountsAt, AccountVersion
from local_quote.chains_priced import ChainsPriced
from local_quote.market import RoutedQuote
from local_quote.pool_store import PoolStore
from local_quote.route_finder import RoutedLeg
from local_quote.row_table import LocalQuote
from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode
from quote_core.dex.route_replay import AskedChain, LoadedPool, ReplayedSwap, open_loaded, replay_route
from quote_core.errors import CorruptAccount, EvidenceGone, MarketError
from quote_core.quote_id import LOCAL, QuoteId, input_mark, quote_id_of
from quote_core.quotes import RouteHop, split_route_id
from quote_core.solana import CLOCK_SYSVAR, decode_clock
from quote_core.tokens import Token, TokenRegistry
from quote_core.units import Pubkey

__all__ = ["EvidenceFinder", "LocalEvidence", "RoutesTold", "ToldRoute"]

_STATES_TRIED_MAX: Final = 16
"""States of a pool that are looked at for one id: those of its slot, and a few before."""
_CLOCKS_TRIED_MAX: Final = 16
"""Times by the chain's clock that are looked at for one state, of those between which its price may turn."""
_PRICINGS_TRIED_MAX: Final = 64
"""Pricings of a row's route that are looked at for one id: one pool changes many times before all are vouched for."""
_CLOCKS_READ_MAX: Final = 128
"""Times before and after the id's slot that come into question: some 50 s, for what is quoted is vouched for lately."""


class ToldRoute(NamedTuple):
    """A route that was told: its parts, each one's share, the output asked for (0 = an input was), and its moment."""

    chains: Sequence[AskedChain]
    percents: Sequence[int]
    wanted_output_amount: int
    moment: int


_KeptChain = tuple[tuple[Pubkey, ...], Pubkey, int, bool, int]
"""Pools, input mint, amount, whether it is the output that is wanted, and the share."""


class RoutesTold:
    """The routes told lately, by id; beyond `count_max` the one told first goes.

    Each is kept as plain tuples, which the garbage collector stops looking at after the first time.
    """

    def __init__(self, *, count_max: int) -> None:
        self._count_max = count_max
        self._by_id: dict[str, tuple[tuple[_KeptChain, ...], int, int]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def note(self, quote_id: QuoteId, route: ToldRoute) -> None:
        """Remember what an id was told for."""
        chains = tuple(
            (tuple(chain.pool_ids), chain.input_mint, chain.amount, chain.mode is SwapMode.EXACT_OUT, percent)
            for chain, percent in zip(route.chains, route.percents, strict=True)
        )
        text = quote_id.text
        self._by_id.pop(text, None)
        self._by_id[text] = (chains, route.wanted_output_amount, route.moment)
        if len(self._by_id) > self._count_max:
            del self._by_id[next(iter(self._by_id))]

    def find(self, quote_id: QuoteId) -> ToldRoute | None:
        """What was told under an id."""
        kept = self._by_id.get(quote_id.text)
        if kept is None:
            return None
        chains, wanted_output_amount, moment = kept
        asked = [
            AskedChain(pool_ids, mint, amount, SwapMode.EXACT_OUT if is_exact_out else SwapMode.EXACT_IN)
            for pool_ids, mint, amount, is_exact_out, _ in chains
        ]
        return ToldRoute(asked, [percent for *_, percent in chains], wanted_output_amount, moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalEvidence:
    """What one quote rests on; `accounts` has the chain's clock and the oracles', too.

    `wanted_output_amount` is 0 where an input was asked for.
    """

    input_mint: Pubkey
    output_mint: Pubkey
    accounts: Mapping[Pubkey, AccountVersion]
    route: Sequence[RouteHop]
    wanted_output_amount: int
    tokens: Sequence[Token]


@dataclass(frozen=True, slots=True)
class _Found:
    """A moment at which the quote is what its id says, and one at which the oracles were as when it was."""

    told: ToldRoute
    swaps: Sequence[ReplayedSwap]
    pools: Mapping[Pubkey, LoadedPool]
    clock: AccountVersion
    oracle_moment: int


class EvidenceFinder:
    """Finds quotes of the store's pools by their ids."""

    def __init__(self, *, store: PoolStore, registry: TokenRegistry, told: RoutesTold, priced: ChainsPriced) -> None:
        self._store = store
        self._history: AccountHistory = store.history
        self._registry = registry
        self._told = told
        self._priced = priced

    def note(self, quote: LocalQuote | RoutedQuote, amount: int, mode: SwapMode) -> None:
        """A quote is told whose id does not say how it came about: a searched route, or one of a wanted output."""
        legs = quote.route.legs if isinstance(quote, RoutedQuote) else (RoutedLeg((quote.swap,), 100),)
        entries = [swap.entry for leg in legs for swap in leg.swaps]
        quote_id = quote_id_of(
            LOCAL,
            split_route_id([([swap.entry.pool.address for swap in leg.swaps], leg.percent) for leg in legs]),
            quote.input_token.mint,
            sum(leg.swaps[0].input_amount for leg in legs),
            sum(leg.swaps[-1].output_amount for leg in legs),
            min(entries, key=lambda entry: entry.vouched_mono_ns).slot,
        )
        is_exact_out = mode is SwapMode.EXACT_OUT and len(entries) == 1
        chains = [
            AskedChain(
                [swap.entry.pool.address for swap in leg.swaps],
                quote.input_token.mint,
                amount if is_exact_out else leg.swaps[0].input_amount,
                SwapMode.EXACT_OUT if is_exact_out else SwapMode.EXACT_IN,
            )
            for leg in legs
        ]
        wanted = amount if mode is SwapMode.EXACT_OUT else 0
        self._told.note(quote_id, ToldRoute(chains, [leg.percent for leg in legs], wanted, self._history.moment))

    def find(self, asked: QuoteId) -> LocalEvidence:
        """What a quote rests on.

        Raises:
            EvidenceGone: It is no longer kept, or no quote of this service was like that.
        """
        told = self._told.find(asked)
        if told is not None:
            return self._evidence(self._routed(asked, told))
        return self._evidence(self._of_row(asked) or self._direct(asked))

    def _routed(self, asked: QuoteId, told: ToldRoute) -> _Found:
        clock = self._history.at(CLOCK_SYSVAR, told.moment)
        if told.moment < self._history.whole_from or clock is None:
            raise EvidenceGone(self._kept_text(asked))
        accounts = AccountsAt(self._history, told.moment)
        try:
            pools = open_loaded([pool_id for chain in told.chains for pool_id in chain.pool_ids], accounts)
            swaps = replay_route(told.chains, pools, _read_clock(clock))
        except (MarketError, CorruptAccount) as error:
            raise EvidenceGone(f"what was held then does not give it: {error}") from error
        return _Found(told, swaps, pools, clock, told.moment)

    def _of_row(self, asked: QuoteId) -> _Found | None:
        """The pricing of a row's route that gives what is claimed; None where rows took no such route lately."""
        for priced in islice(self._priced.find(asked.route_id, asked.slot), _PRICINGS_TRIED_MAX):
            if input_mark(priced.input_mint) != asked.mark:
                continue
            chain = AskedChain(priced.pool_ids, priced.input_mint, asked.input_amount)
            try:
                found = self._routed(asked, ToldRoute((chain,), (100,), 0, priced.moment))
            except EvidenceGone:
                continue
            if found.swaps[-1].swap.amount_out == asked.output_amount:
                return found
        return None

    def _direct(self, asked: QuoteId) -> _Found:
        pool_id = self._history.pool_of_route(asked.route_id)
        if pool_id is None:
            raise EvidenceGone(
                "no pool held since the service started has its route, and it is none of the "
                f"{len(self._told)} searched routes kept (SOLQUOTE_LOCAL_QUOTE_EVIDENCE_ROUTE_COUNT_MAX), nor of the "
                f"{len(self._priced)} pricings of rows' routes"
            )
        for since, until, loaded in self._states(pool_id, asked.slot):
            found = self._at(asked, loaded, since, until)
            if found is not None:
                return found
        if asked.slot <= self._history.gone_slot:
            raise EvidenceGone(self._kept_text(asked))
        raise EvidenceGone(f"no state of pool {pool_id} held at slot {asked.slot} gives what it claims")

    def _kept_text(self, asked: QuoteId) -> str:
        history = self._history
        return (
            f"it is of slot {asked.slot}, and states up to slot {history.gone_slot} have made room for the "
            f"{history.superseded_count} newer versions of accounts kept (SOLQUOTE_LOCAL_QUOTE_EVIDENCE_BYTES_MAX, "
            "..._VERSION_COUNT_MAX)"
        )

    def _states(self, pool_id: Pubkey, slot: int) -> Iterator[tuple[int, int, LoadedPool]]:
        """From and until which moment a pool was held unchanged, and the pool; newest first, from those of `slot`."""
        until = self._last_moment(pool_id, slot)
        for _ in range(_STATES_TRIED_MAX):
            try:
                loaded = LoadedPool(pool_id, AccountsAt(self._history, until))
            except (MarketError, CorruptAccount):
                return
            versions = (self._history.at(pubkey, until) for pubkey in loaded.taken)
            since = max(version.moment for version in versions if version is not None)
            yield since, until, loaded
            until = since - 1
            if until < self._history.whole_from:
                return

    def _last_moment(self, pool_id: Pubkey, slot: int) -> int:
        """The last moment at which nothing of a pool was of a later slot."""
        moment = self._history.moment
        entry = self._store.entry(pool_id)
        for pubkey in entry.accounts if entry is not None else (pool_id,):
            past = self._history.moment_past(pubkey, slot)
            if past is not None:
                moment = min(moment, past - 1)
        return moment

    def _at(self, asked: QuoteId, loaded: LoadedPool, since: int, until: int) -> _Found | None:
        """The state at which one pool gives what is claimed, by whichever clock that did while it was held."""
        pool_id = loaded.pool.address
        mint = _input_mint(loaded.pool, asked.mark)
        if mint is None:
            return None
        chain = AskedChain((pool_id,), mint, asked.input_amount)
        for version in self._clocks(loaded.pool, since, until, asked.slot):
            pools = {pool_id: loaded}
            try:
                swaps = replay_route((chain,), pools, _read_clock(version))
            except MarketError:
                continue
            if (swaps[0].swap.amount_in, swaps[0].swap.amount_out) == (asked.input_amount, asked.output_amount):
                return _Found(ToldRoute((chain,), (100,), 0, until), swaps, pools, version, max(since, version.moment))
        return None

    def _clocks(self, pool: Pool, since: int, until: int, slot: int) -> Iterator[AccountVersion]:
        """The chain's clocks while a state was held, nearest to `slot` first; of those that price alike only one."""
        held = self._history.near(CLOCK_SYSVAR, slot, since=since, until=until, count_max=_CLOCKS_READ_MAX)
        held.sort(key=lambda version: (version.slot > slot, abs(version.slot - slot)))
        tried: list[tuple[ChainClock, ChainClock]] = []
        for version in held:
            clock = _read_clock(version)
            if any(_holds(begin, end, clock) for begin, end in tried):
                continue
            tried.append((clock, pool.price_holds_until(clock)))
            yield version
            if len(tried) == _CLOCKS_TRIED_MAX:
                return

    def _evidence(self, found: _Found) -> LocalEvidence:
        moment = found.told.moment
        accounts: dict[Pubkey, AccountVersion] = {CLOCK_SYSVAR: found.clock}
        for loaded in found.pools.values():
            for pubkey in loaded.taken:
                version = self._history.at(pubkey, moment)
                assert version is not None, pubkey
                accounts[pubkey] = version
        route = [self._hop(swap, found.told) for swap in found.swaps]
        ends = route[0].input_mint, route[-1].output_mint
        mints = {mint for hop in route for mint in (hop.input_mint, hop.output_mint)}
        tokens = [token for token in self._registry if token.mint in mints or token.category == "native"]
        for token in tokens:
            named = (token.oracle.account, token.mint) if token.oracle is not None else ()
            for pubkey in named:
                version = self._history.at(pubkey, found.oracle_moment)
                if version is not None:
                    accounts.setdefault(pubkey, version)
        return LocalEvidence(
            input_mint=ends[0],
            output_mint=ends[1],
            accounts=dict(sorted(accounts.items())),
            route=route,
            wanted_output_amount=found.told.wanted_output_amount,
            tokens=tokens,
        )

    def _hop(self, replayed: ReplayedSwap, told: ToldRoute) -> RouteHop:
        pool, swap = replayed.pool, replayed.swap
        a_to_b = swap.direction is Direction.A_TO_B
        entry = self._store.entry(pool.address)
        return RouteHop(
            pool_id=pool.address,
            protocol=pool.dex.label,
            input_mint=pool.mint_a if a_to_b else pool.mint_b,
            output_mint=pool.mint_b if a_to_b else pool.mint_a,
            input_amount=swap.amount_in,
            output_amount=swap.amount_out,
            fee_amount=swap.fee_amount,
            fee_mint=swap.fee_mint,
            provenance=None if entry is None else entry.provenance,
            leg=replayed.leg,
            leg_percent=told.percents[replayed.leg],
        )


def _input_mint(pool: Pool, mark: int) -> Pubkey | None:
    """Which of a pool's mints an id means."""
    return next((mint for mint in (pool.mint_a, pool.mint_b) if input_mark(mint) == mark), None)


def _read_clock(version: AccountVersion) -> ChainClock:
    assert version.account is not None, "a clock that was taken exists"
    return decode_clock(version.account)


def _holds(begin: ChainClock, end: ChainClock, clock: ChainClock) -> bool:
    """Whether a price of `begin`, said to hold until `end`, is that of `clock`."""
    pairs = ((begin.slot, clock.slot, end.slot), (begin.unix_timestamp, clock.unix_timestamp, end.unix_timestamp))
    return all(low <= now < high for low, now, high in (*pairs, (begin.epoch, clock.epoch, end.epoch)))
