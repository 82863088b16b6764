"""The streamed rows: one (input mint, output mint, amount) each, priced as ladders, with a version that counts changes.

When a pool changes, its ladder is priced once per direction for all amounts; the other pools' ladders are kept, and
the best of all is taken anew, in C (`quote_rows`). A row is a number; what it says is looked up. Does no I/O.
"""

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress
from typing import NamedTuple

from local_quote.dependencies import PairKey
from local_quote.pool_store import PoolEntry, PoolStore
from local_quote.quote_rows import PoolOffer, QuoteRows
from local_quote.quoter import PoolQuoter, PricedSwap, direction_of
from local_quote.settlement import NO_OFFER
from quote_core.clock import Clock
from quote_core.errors import NotTradable, SolquoteError, TooManyQuotes
from quote_core.tokens import Token
from quote_core.units import Pubkey

__all__ = ["LocalQuote", "LocalRow", "LocalRowTable", "Registered", "RowRefusal"]

DirectionKey = tuple[Pubkey, Pubkey]


class LocalQuote(NamedTuple):
    """A priced swap with its place in time."""

    input_token: Token
    output_token: Token
    swap: PricedSwap
    version: int
    quoted_unix_ns: int
    quoted_mono_ns: int


class LocalRow(NamedTuple):
    """What one combination says now: either `quote` or `refusal` is set."""

    input_token: Token
    output_token: Token
    amount: int
    version: int
    quote: LocalQuote | None
    refusal: SolquoteError | None
    is_stale: bool


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


class LocalRowTable:
    """Rows by direction, registered as long as somebody subscribes to them."""

    def __init__(self, *, store: PoolStore, quoter: PoolQuoter, clock: Clock, row_count_max: int) -> None:
        self._store = store
        self._quoter = quoter
        self._clock = clock
        self._row_count_max = row_count_max
        self._directions: dict[DirectionKey, _DirectionRows] = {}  # kept once they had rows: offers are numbered once
        self._direction_of: dict[int, _DirectionRows] = {}
        self._refusals: dict[int, RowRefusal] = {}
        self.quotes = QuoteRows()
        self.offers: list[PoolOffer] = []

    def __len__(self) -> int:
        return len(self._direction_of)

    def __iter__(self) -> Iterator[int]:
        return iter(self._direction_of)

    def wants(self, pair: PairKey) -> bool:
        """Whether somebody subscribes to rows of a pair."""
        return any(direction.rows for direction in self._of_pair(pair))

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
        offer = self.offers[state.offer]
        swap = PricedSwap(
            offer.entry, offer.way, state.amount, state.output, 0, None, state.price_impact, offer.depth_amount
        )
        quote = LocalQuote(*tokens, swap, state.version, state.quoted_unix_ns, state.quoted_mono_ns)
        return LocalRow(*tokens, state.amount, state.version, quote, None, state.is_stale)

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
            self._directions[key].drop(gone)
        self.quotes.remove(left)

    def pools_changed(self, pool_ids: Iterable[Pubkey]) -> list[int]:
        """Price anew what rests on the pools; returns the rows that changed."""
        touched: dict[_DirectionRows, None] = {}
        for pool_id in pool_ids:
            entry = self._store.entry(pool_id)
            assert entry is not None, pool_id
            for direction in self._of_pair(entry.pair):
                if direction.rows:
                    self._price_ladder(direction, entry)
                    touched[direction] = None
        changed: list[int] = []
        for direction in touched:
            self._settle(direction, changed)
        return changed

    def _of_pair(self, pair: PairKey) -> Iterator[_DirectionRows]:
        return (self._directions[key] for key in (pair, pair[::-1]) if key in self._directions)

    def _price_anew(self, direction: _DirectionRows) -> None:
        for entry in self._store.of_pair(*direction.key):
            self._price_ladder(direction, entry)

    def _price_ladder(self, direction: _DirectionRows, entry: PoolEntry) -> None:
        offer = direction.offers.get(entry.pool.address) or self._new_offer(direction, entry)
        offer.outputs = None
        if self._quoter.is_usable(entry):
            try:
                offer.outputs = entry.to_price().ladder(offer.way, direction.amounts, self._quoter.now_on_chain())
            except NotTradable:
                return  # as a pool that is not there; asking for the pool itself tells why

    def _new_offer(self, direction: _DirectionRows, entry: PoolEntry) -> PoolOffer:
        way = direction_of(entry, direction.input_token.mint)
        offer = PoolOffer(direction.input_token, direction.output_token, entry, way, len(self.offers))
        self.offers.append(offer)
        direction.offers = dict(sorted([*direction.offers.items(), (entry.pool.address, offer)]))
        return offer

    def _settle(self, direction: _DirectionRows, changed: list[int]) -> None:
        """Give every row the best of the offers; `changed` gets those that differ from before."""
        now_unix_ns, now_mono_ns = self._clock.unix_ns(), self._clock.mono_ns()
        offers = [offer for offer in direction.offers.values() if self._stands(offer)]
        unfilled = self.quotes.settle(direction.rows, offers, now_unix_ns, now_mono_ns, changed)
        changed += [row for row in unfilled if self._refuse(direction, row)]

    def _stands(self, offer: PoolOffer) -> bool:
        """Look at how the offer's pool stands now; False where it gives nothing."""
        if offer.outputs is None or not self._quoter.is_usable(offer.entry):
            return False  # past the limit by time alone since its ladder was priced
        try:
            curve = self._quoter.curve(offer.entry, offer.way)
        except NotTradable:
            return False  # closed by time alone since its ladder was priced
        offer.stand(curve.net_price, curve.depth_amount, self._quoter.is_stale(offer.entry))
        return True

    def _refuse(self, direction: _DirectionRows, row: int) -> bool:
        state = self.quotes.state(row)
        error = self._quoter.refusal(direction.input_token, direction.output_token, state.amount)
        before = self._refusals.get(row) if state.offer == NO_OFFER else None
        if before is not None and type(before.error) is type(error):
            return False
        self.quotes.refuse(row)
        self._refusals[row] = RowRefusal(error)
        return True
