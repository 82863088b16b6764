"""The streamed rows: one (input mint, output mint, amount) each, priced as ladders, with a version that counts changes.

When a pool changes, its ladder is priced once per direction for all amounts; the other pools' ladders are kept, and
the best of all is taken anew, in C (`quote_rows`). A row is a number; what it says is looked up. Does no I/O.

Where rows may be routes, a direction also has chains through other tokens (`row_routes` finds them), which are priced
whenever one of their pools changes and settled beside the pair's own pools: of equal offers a pool's goes first.
"""

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Final, NamedTuple

from local_quote.chain_offer import Chain, ChainOffer
from local_quote.chains_priced import ChainsPriced
from local_quote.dependencies import PairKey
from local_quote.pool_entry import PoolEntry
from local_quote.pool_store import PoolStore
from local_quote.quote_rows import Offer, PoolOffer, QuoteRows
from local_quote.quoter import PoolQuoter, PricedSwap, direction_of
from local_quote.settlement import NO_OFFER, RowState
from quote_core.clock import Clock
from quote_core.errors import NoLiquidity, NotTradable, SolquoteError, TooManyQuotes
from quote_core.tokens import Token
from quote_core.units import Pubkey

__all__ = [
    "CHAINS_MAX",
    "ChainRow",
    "DirectionKey",
    "LocalQuote",
    "LocalRow",
    "LocalRowTable",
    "Registered",
    "RowRefusal",
]

DirectionKey = tuple[Pubkey, Pubkey]
"""The mints that go in and come out."""

CHAINS_MAX: Final = 8
"""Chains that a direction has at most: each is priced with every change of its pools."""


class LocalQuote(NamedTuple):
    """A priced swap with its place in time."""

    input_token: Token
    output_token: Token
    swap: PricedSwap
    version: int
    quoted_unix_ns: int
    quoted_mono_ns: int


class ChainRow(NamedTuple):
    """A row that rests on a chain: what it says, through what, and the amounts before, between and behind the swaps."""

    state: RowState
    offer: ChainOffer
    amounts: tuple[int, ...]


class LocalRow(NamedTuple):
    """What one combination says now: one of `quote`, `chain` and `refusal` is set."""

    input_token: Token
    output_token: Token
    amount: int
    version: int
    quote: LocalQuote | None
    refusal: SolquoteError | None
    is_stale: bool
    chain: ChainRow | None = None


class Registered(NamedTuple):
    """Rows in the order asked for, and all that changed by it: new ones, and neighbours that time alone has changed."""

    rows: list[int]
    changed: list[int]


@dataclass(slots=True, eq=False)
class RowRefusal:
    """Why a row has no quote; `encoded` is its wire form, made by the first who sends it."""

    error: SolquoteError
    encoded: bytes | None = None


@dataclass(slots=True, eq=False)
class _DirectionRows:
    """The rows of one direction of a pair, amounts ascending, and what its pools give for them."""

    input_token: Token
    output_token: Token
    by_amount: dict[int, int] = field(default_factory=dict)
    amounts: "array[int]" = field(default_factory=lambda: array("Q"))  # what kernels read in place
    rows: "array[int]" = field(default_factory=lambda: array("I"))
    offers: dict[Pubkey, PoolOffer] = field(default_factory=dict)  # in order of the pools' ids
    chains: dict[tuple[Pubkey, ...], ChainOffer] = field(default_factory=dict)

    @property
    def key(self) -> DirectionKey:
        return self.input_token.mint, self.output_token.mint

    def add(self, amounts: Iterable[int], rows: Iterable[int]) -> None:
        """Take rows in; no ladder has outputs for them yet."""
        self.by_amount.update(zip(amounts, rows, strict=True))
        self.amounts = array("Q", sorted(self.by_amount))
        self.rows = array("I", map(self.by_amount.__getitem__, self.amounts))

    def drop(self, gone: set[int]) -> None:
        """Let rows go, and their outputs with them: those of the others are as they were."""
        kept = [row not in gone for row in self.rows]
        self.rows, self.amounts = array("I", compress(self.rows, kept)), array("Q", compress(self.amounts, kept))
        self.by_amount = dict(zip(self.amounts, self.rows, strict=True))
        for offer in self.offers.values():
            if offer.outputs is not None:
                offer.outputs = array("Q", compress(offer.outputs, kept))
        for chain in self.chains.values():
            chain.keep(kept)


class LocalRowTable:
    """Rows by direction, registered as long as somebody subscribes to them."""

    def __init__(
        self,
        *,
        store: PoolStore,
        quoter: PoolQuoter,
        clock: Clock,
        row_count_max: int,
        hop_count_max: int = 1,
        pricing_count_max: int = 0,
    ) -> None:
        """Make it, empty.

        Args:
            store: The pools.
            quoter: Prices them.
            clock: Of quotes.
            row_count_max: Most rows.
            hop_count_max: Most swaps of a row's route, which refusals tell; whoever finds more than one brings them.
            pricing_count_max: Most pricings of chains that are noted.
        """
        self._store = store
        self._quoter = quoter
        self._clock = clock
        self._row_count_max = row_count_max
        self._hop_count_max = hop_count_max
        self._directions: dict[DirectionKey, _DirectionRows] = {}  # kept once they had rows: offers are numbered once
        self._direction_of: dict[int, _DirectionRows] = {}
        self._refusals: dict[int, RowRefusal] = {}
        self.quotes = QuoteRows()
        self.offers: dict[int, PoolOffer] = {}
        """By number; no number is given twice."""
        self._offer_count = 0
        self.chain_offers: dict[int, ChainOffer] = {}
        """By number; none is given twice."""
        self._next_chain = NO_OFFER - 1
        self._chains_of_pool: dict[Pubkey, dict[ChainOffer, _DirectionRows]] = {}
        self._pairs_of_chains: Counter[PairKey] = Counter()
        self.chains_priced = ChainsPriced(count_max=pricing_count_max)
        self.revision = 0
        """Goes up whenever a route found before need not be the best any more."""

    def __len__(self) -> int:
        return len(self._direction_of)

    def __iter__(self) -> Iterator[int]:
        return iter(self._direction_of)

    def wants(self, pair: PairKey) -> bool:
        """Whether somebody subscribes to rows that rest on a pair's pools."""
        return pair in self._pairs_of_chains or any(direction.rows for direction in self._of_pair(pair))

    def find(self, input_mint: Pubkey, output_mint: Pubkey, amount: int) -> int | None:
        """The row of a combination, if registered."""
        direction = self._directions.get((input_mint, output_mint))
        return direction.by_amount.get(amount) if direction is not None else None

    def row(self, row: int) -> LocalRow:
        """What a row says now.

        Raises:
            IndexError: Nobody has registered it.
        """
        state, direction = self.quotes.state(row), self._direction_of[row]
        tokens = direction.input_token, direction.output_token
        if state.offer == NO_OFFER:
            return LocalRow(*tokens, state.amount, state.version, None, self._refusals[row].error, is_stale=False)
        if state.offer < NO_OFFER:
            return LocalRow(*tokens, state.amount, state.version, None, None, state.is_stale, self.chain_row(row))
        offer = self.offers[state.offer]
        swap = PricedSwap(
            offer.entry, offer.way, state.amount, state.output, 0, None, state.price_impact, offer.depth_amount
        )
        quote = LocalQuote(*tokens, swap, state.version, state.quoted_unix_ns, state.quoted_mono_ns)
        return LocalRow(*tokens, state.amount, state.version, quote, None, state.is_stale)

    def chain_row(self, row: int) -> ChainRow:
        """What a row says that rests on a chain; it does."""
        state = self.quotes.state(row)
        offer = self.chain_offers[state.offer]
        return ChainRow(state, offer, offer.amounts(bisect_left(self._direction_of[row].amounts, state.amount)))

    def refusal(self, row: int) -> RowRefusal:
        """Why a row has no quote; it has none."""
        assert self.quotes.offer(row) == NO_OFFER, "it has a quote"
        return self._refusals[row]

    def register(self, wanted: Iterable[tuple[Token, Token, int]]) -> Registered:
        """Register combinations (each once more than before) and price the directions of the new ones.

        Raises:
            TooManyQuotes: The table cannot hold them; nothing is registered.
        """
        wanted = list(wanted)
        new: dict[DirectionKey, tuple[Token, Token, dict[int, None]]] = {}
        for input_token, output_token, amount in wanted:
            key = input_token.mint, output_token.mint
            known = self._directions.get(key)
            if known is None or amount not in known.by_amount:
                new.setdefault(key, (input_token, output_token, {}))[2][amount] = None
        row_count = len(self) + sum(len(amounts) for _, _, amounts in new.values())
        if row_count > self._row_count_max:
            raise TooManyQuotes("pairs", row_count, self._row_count_max)
        changed: list[int] = []
        for key, (input_token, output_token, amounts) in new.items():
            direction = self._directions.setdefault(key, _DirectionRows(input_token, output_token))
            numbers = self.quotes.add(amounts)
            self._direction_of.update(dict.fromkeys(numbers, direction))
            direction.add(amounts, numbers)
            self._price_anew(direction)
            self._settle(direction, changed)
            self.revision += 1
        rows = [self._directions[one.mint, other.mint].by_amount[amount] for one, other, amount in wanted]
        self.quotes.hold(rows)
        return Registered(rows, changed)

    def release(self, rows: Iterable[int]) -> None:
        """Give rows back; those nobody wants any more leave the table."""
        left = self.quotes.let_go(rows)
        shrunk: dict[DirectionKey, set[int]] = {}
        for row in left:
            shrunk.setdefault(self._direction_of.pop(row).key, set()).add(row)
            self._refusals.pop(row, None)
        for key, gone in shrunk.items():
            direction = self._directions[key]
            direction.drop(gone)
            if not direction.rows:
                self._drop_chains(direction, list(direction.chains.values()))
        self.quotes.remove(left)

    def directions(self) -> Iterator[DirectionKey]:
        """Those that have rows."""
        return (key for key, direction in self._directions.items() if direction.rows)

    def direction(self, key: DirectionKey) -> tuple[Token, Token, Sequence[int]]:
        """The tokens of a direction and its amounts, ascending."""
        direction = self._directions[key]
        return direction.input_token, direction.output_token, direction.amounts

    def take_chains(self, key: DirectionKey, found: Sequence[Chain]) -> list[int]:
        """Let a direction have these chains beside its own pools; returns the rows that changed.

        Of those it had the ones that rows rest on stay, as far as there is room.
        """
        direction = self._directions[key]
        used = {self.quotes.offer(row) for row in direction.rows}
        wanted = {tuple(entry.pool.address for entry, _ in chain): chain for chain in found[:CHAINS_MAX]}
        for pool_ids, offer in direction.chains.items():
            if offer.number in used and len(wanted) < CHAINS_MAX:
                wanted.setdefault(pool_ids, offer.chain)
        gone = [offer for pool_ids, offer in direction.chains.items() if pool_ids not in wanted]
        new = [chain for pool_ids, chain in wanted.items() if pool_ids not in direction.chains]
        if not gone and not new:
            return []
        for offer in gone:
            del direction.chains[offer.pool_ids]
        for chain in new:
            self._price_chain(direction, self._new_chain(direction, chain))
        changed: list[int] = []
        self._settle(direction, changed)
        self._drop_chains(direction, gone)
        return changed

    def pools_changed(self, pool_ids: Collection[Pubkey]) -> list[int]:
        """Price anew what rests on the pools; returns the rows that changed."""
        touched: dict[_DirectionRows, None] = {}
        for pool_id in pool_ids:
            entry = self._store.entry(pool_id)
            assert entry is not None, pool_id
            for direction in self._of_pair(entry.pair):
                if direction.rows:
                    self._price_ladder(direction, entry)
                    touched[direction] = None
        self.revision += 1
        if self._chains_of_pool:
            self._price_chains(pool_ids, touched)
        changed: list[int] = []
        for direction in touched:
            self._settle(direction, changed)
        return changed

    def pool_removed(self, entry: PoolEntry) -> list[int]:
        """Let a pool go that the store has let go; returns the rows that changed."""
        changed: list[int] = []
        for direction in self._of_pair(entry.pair):
            offer = direction.offers.pop(entry.pool.address, None)
            if offer is not None:
                self._settle(direction, changed)
                del self.offers[offer.number]
        for chain, direction in list(self._chains_of_pool.get(entry.pool.address, {}).items()):
            del direction.chains[chain.pool_ids]
            self._settle(direction, changed)
            self._drop_chains(direction, [chain])
        self.revision += 1
        return list(dict.fromkeys(changed))

    def _of_pair(self, pair: PairKey) -> Iterator[_DirectionRows]:
        return (self._directions[key] for key in (pair, pair[::-1]) if key in self._directions)

    def _price_anew(self, direction: _DirectionRows) -> None:
        for entry in self._store.of_pair(*direction.key):
            self._price_ladder(direction, entry)
        for chain in direction.chains.values():
            self._price_chain(direction, chain)

    def _price_ladder(self, direction: _DirectionRows, entry: PoolEntry) -> None:
        """Take what the pool gives now, and how its price stands; nothing where it cannot be traded."""
        offer = direction.offers.get(entry.pool.address) or self._new_offer(direction, entry)
        offer.outputs = None
        if self._quoter.is_usable(entry):
            try:
                offer.price(direction.amounts, self._quoter.now_on_chain(), self._quoter.is_stale(entry))
            except NotTradable:
                return  # as a pool that is not there; asking for the pool itself tells why

    def _new_offer(self, direction: _DirectionRows, entry: PoolEntry) -> PoolOffer:
        way = direction_of(entry, direction.input_token.mint)
        offer = PoolOffer(direction.input_token, direction.output_token, entry, way, self._offer_count)
        self._offer_count += 1
        self.offers[offer.number] = offer
        direction.offers = dict(sorted([*direction.offers.items(), (entry.pool.address, offer)]))
        return offer

    def _price_chains(self, pool_ids: Iterable[Pubkey], touched: dict[_DirectionRows, None]) -> None:
        """Price the chains anew that go through the pools, each once; `touched` gets their directions."""
        chains = {chain: at for pool_id in pool_ids for chain, at in self._chains_of_pool.get(pool_id, {}).items()}
        for chain, direction in chains.items():
            self._price_chain(direction, chain)
            touched[direction] = None

    def _price_chain(self, direction: _DirectionRows, chain: ChainOffer) -> None:
        chain.price(direction.amounts, self._quoter)
        if chain.outputs is not None:
            self.chains_priced.note(
                chain.route_id,
                chain.pool_ids,
                direction.input_token.mint,
                moment=self._store.history.moment,
                slot=min(entry.slot for entry in chain.entries),
            )

    def _new_chain(self, direction: _DirectionRows, chain: Chain) -> ChainOffer:
        offer = ChainOffer(direction.input_token, direction.output_token, chain, self._next_chain)
        self._next_chain -= 1
        self.chain_offers[offer.number] = direction.chains[offer.pool_ids] = offer
        for pool_id in offer.pool_ids:
            self._chains_of_pool.setdefault(pool_id, {})[offer] = direction
        self._pairs_of_chains.update(offer.pairs)
        return offer

    def _drop_chains(self, direction: _DirectionRows, chains: Iterable[ChainOffer]) -> None:
        """Forget chains on which no row rests."""
        for chain in chains:
            direction.chains.pop(chain.pool_ids, None)
            del self.chain_offers[chain.number]
            for pool_id in chain.pool_ids:
                through = self._chains_of_pool[pool_id]
                del through[chain]
                if not through:
                    del self._chains_of_pool[pool_id]
            self._pairs_of_chains.subtract(chain.pairs)
        self._pairs_of_chains = +self._pairs_of_chains

    def _settle(self, direction: _DirectionRows, changed: list[int]) -> None:
        """Give every row the best of the offers; `changed` gets those that differ from before."""
        now_unix_ns, now_mono_ns = self._clock.unix_ns(), self._clock.mono_ns()
        offers: list[Offer] = [*self._quoter.standing(direction.offers.values())]
        if direction.chains:
            offers += [chain for chain in direction.chains.values() if chain.is_standing(self._quoter)]
        unfilled = self.quotes.settle(direction.rows, offers, now_unix_ns, now_mono_ns, changed)
        if unfilled:
            kind = self._quoter.refusal_kind(direction.input_token, direction.output_token)
            changed += [row for row in unfilled if self._refuse(direction, row, kind)]

    def _refuse(self, direction: _DirectionRows, row: int, kind: type[SolquoteError] | None) -> bool:
        """Give a row the reason why nobody fills it; another of the same class is no change."""
        before = self._refusals.get(row) if self.quotes.offer(row) == NO_OFFER else None
        if before is not None and type(before.error) is kind:
            return False  # as most rows that are refused were before: to ask each pool why takes as long as pricing
        amount = self.quotes.state(row).amount
        error = self._refusal(direction, amount)
        if before is not None and type(before.error) is type(error):
            return False
        self.quotes.refuse(row)
        self._refusals[row] = RowRefusal(error)
        return True

    def _refusal(self, direction: _DirectionRows, amount: int) -> SolquoteError:
        error = self._quoter.refusal(direction.input_token, direction.output_token, amount)
        if self._hop_count_max == 1 or type(error) is not NoLiquidity:
            return error
        subject = f"{direction.input_token.symbol}/{direction.output_token.symbol}"
        return NoLiquidity(subject, f"{error.reason}, and no route of up to {self._hop_count_max} swaps is known")
