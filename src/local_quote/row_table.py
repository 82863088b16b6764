"""The streamed rows: one (input mint, output mint, amount) each, priced as ladders, with a version that counts changes.

When a pool changes, its ladder is priced once per direction for all amounts; the other pools' ladders are kept, and
the best of all is taken anew. Only rows whose output, pool, refusal or staleness differ change. Does no I/O.
"""

from array import array
from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from local_quote.dependencies import PairKey
from local_quote.impact import Curve, price_impact
from local_quote.pool_store import PoolEntry, PoolStore
from local_quote.quoter import PoolQuoter, PricedSwap, direction_of
from quote_core.clock import Clock
from quote_core.dex.pool import Direction
from quote_core.errors import NotTradable, SolquoteError, TooManyQuotes
from quote_core.tokens import Token
from quote_core.units import Pubkey

__all__ = ["DirectionRows", "LocalQuote", "LocalRow", "LocalRowTable"]

DirectionKey = tuple[Pubkey, Pubkey]


class LocalQuote(NamedTuple):
    """A priced swap with its place in time. A tuple, for it is made for every changed row."""

    input_token: Token
    output_token: Token
    swap: PricedSwap
    version: int
    quoted_unix_ns: int
    quoted_mono_ns: int


@dataclass(slots=True, eq=False)
class LocalRow:
    """One combination: either `quote` or `refusal` is set once it has been priced.

    `encoded` is the wire form of all that changes only with the version, made by the first who sends it.
    """

    direction: "DirectionRows"
    amount: int
    version: int = 0
    quote: LocalQuote | None = None
    refusal: SolquoteError | None = None
    is_stale: bool = False
    subscription_count: int = 0
    encoded: bytes | None = None
    tail: bytes = b""
    tail_mono_ns: int = 0

    def is_other_than(self, entry: PoolEntry, output: int, *, is_stale: bool) -> bool:
        """Whether such a result would change the row."""
        if self.quote is None:
            return True
        swap = self.quote.swap
        return swap.output_amount != output or swap.entry is not entry or self.is_stale != is_stale

    def settle(self, *, quote: LocalQuote | None, refusal: SolquoteError | None, is_stale: bool) -> None:
        """Take a new result; what was encoded of the one before is forgotten."""
        self.quote = quote
        self.refusal = refusal
        self.is_stale = is_stale
        self.encoded = None
        self.tail_mono_ns = 0


@dataclass(slots=True, eq=False)
class DirectionRows:
    """The rows of one direction of a pair, amounts ascending, and what each usable pool gives for them."""

    input_token: Token
    output_token: Token
    amounts: "array[int]" = field(default_factory=lambda: array("Q"))  # what kernels read in place
    rows: dict[int, LocalRow] = field(default_factory=dict)
    ladders: dict[Pubkey, Sequence[int]] = field(default_factory=dict)


class LocalRowTable:
    """Rows by direction, registered as long as somebody subscribes to them."""

    def __init__(self, *, store: PoolStore, quoter: PoolQuoter, clock: Clock, row_count_max: int) -> None:
        self._store = store
        self._quoter = quoter
        self._clock = clock
        self._row_count_max = row_count_max
        self._directions: dict[DirectionKey, DirectionRows] = {}
        self._row_count = 0

    def __len__(self) -> int:
        return self._row_count

    def __iter__(self) -> Iterator[LocalRow]:
        for direction in self._directions.values():
            yield from direction.rows.values()

    def wants(self, pair: PairKey) -> bool:
        """Whether somebody subscribes to rows of a pair."""
        return pair in self._directions or pair[::-1] in self._directions

    def row(self, input_mint: Pubkey, output_mint: Pubkey, amount: int) -> LocalRow | None:
        """The row of a combination, if registered."""
        direction = self._directions.get((input_mint, output_mint))
        return direction.rows.get(amount) if direction is not None else None

    def register(self, wanted: Iterable[tuple[Token, Token, int]]) -> list[LocalRow]:
        """Register combinations (each once more than before) and price the new ones; in the order given.

        Raises:
            TooManyQuotes: The table cannot hold them; nothing is registered.
        """
        wanted = list(wanted)
        new = {
            (one.mint, other.mint, amount)
            for one, other, amount in wanted
            if not self.row(one.mint, other.mint, amount)
        }
        if self._row_count + len(new) > self._row_count_max:
            raise TooManyQuotes("pairs", self._row_count + len(new), self._row_count_max)
        rows = []
        grown: dict[int, DirectionRows] = {}
        for input_token, output_token, amount in wanted:
            direction = self._directions.setdefault(
                (input_token.mint, output_token.mint), DirectionRows(input_token, output_token)
            )
            row = direction.rows.get(amount)
            if row is None:
                row = direction.rows[amount] = LocalRow(direction, amount)
                insort(direction.amounts, amount)
                self._row_count += 1
                grown[id(direction)] = direction
            row.subscription_count += 1
            rows.append(row)
        for direction in grown.values():
            self._reprice_all(direction)
        return rows

    def release(self, rows: Iterable[LocalRow]) -> None:
        """Give rows back; those nobody wants any more leave the table."""
        shrunk: dict[int, DirectionRows] = {}
        for row in rows:
            row.subscription_count -= 1
            if row.subscription_count == 0:
                del row.direction.rows[row.amount]
                self._row_count -= 1
                shrunk[id(row.direction)] = row.direction
        for direction in shrunk.values():
            direction.amounts = array("Q", sorted(direction.rows))
            self._reprice_all(direction)
            if not direction.rows:
                del self._directions[direction.input_token.mint, direction.output_token.mint]

    def pools_changed(self, pool_ids: Iterable[Pubkey]) -> list[LocalRow]:
        """Price anew what rests on the pools; returns the rows that changed."""
        touched: dict[int, DirectionRows] = {}
        for pool_id in pool_ids:
            entry = self._store.entry(pool_id)
            assert entry is not None, pool_id
            for key in (entry.pair, entry.pair[::-1]):
                direction = self._directions.get(key)
                if direction is not None:
                    self._price_ladder(direction, entry)
                    touched[id(direction)] = direction
        return [row for direction in touched.values() for row in self._take_best(direction)]

    def _reprice_all(self, direction: DirectionRows) -> list[LocalRow]:
        direction.ladders.clear()
        for entry in self._store.of_pair(direction.input_token.mint, direction.output_token.mint):
            self._price_ladder(direction, entry)
        return self._take_best(direction)

    def _price_ladder(self, direction: DirectionRows, entry: PoolEntry) -> None:
        pool_id = entry.pool.address
        direction.ladders.pop(pool_id, None)
        if self._quoter.is_usable(entry):
            try:
                direction.ladders[pool_id] = entry.to_price().ladder(
                    direction_of(entry, direction.input_token.mint), direction.amounts, self._quoter.now_on_chain()
                )
            except NotTradable:
                return  # as a pool that is not there; asking for the pool itself tells why

    def _take_best(self, direction: DirectionRows) -> list[LocalRow]:
        """Give every row the best of the ladders; returns those that differ from before.

        Fresh beats stale, then most output wins; ties break by pool id, in whose order offers come.
        """
        offers = self._offers(direction)
        ranks = [[offer for offer in offers if offer.is_stale is is_stale] for is_stale in (False, True)]
        now_unix_ns, now_mono_ns = self._clock.unix_ns(), self._clock.mono_ns()
        changed = []
        for index, amount in enumerate(direction.amounts):
            best, best_out = None, 0
            for rank in ranks:
                for offer in rank:
                    output = offer.outputs[index]
                    if output > best_out:
                        best, best_out = offer, output
                if best is not None:
                    break
            row = direction.rows[amount]
            if best is None:
                if self._refuse(row):
                    changed.append(row)
            elif row.is_other_than(best.entry, best_out, is_stale=best.is_stale):
                row.version += 1
                swap = best.swap(amount, best_out)
                quote = LocalQuote(
                    direction.input_token, direction.output_token, swap, row.version, now_unix_ns, now_mono_ns
                )
                row.settle(quote=quote, refusal=None, is_stale=best.is_stale)
                changed.append(row)
        return changed

    def _offers(self, direction: DirectionRows) -> list["_Offer"]:
        offers = []
        for pool_id, outputs in sorted(direction.ladders.items()):
            entry = self._store.entry(pool_id)
            assert entry is not None, pool_id
            way = direction_of(entry, direction.input_token.mint)
            if not self._quoter.is_usable(entry):
                continue  # past the limit by time alone since its ladder was priced
            try:
                curve = self._quoter.curve(entry, way)
            except NotTradable:
                continue  # closed by time alone since its ladder was priced
            offers.append(_Offer(entry, way, outputs, self._quoter.is_stale(entry), curve))
        return offers

    def _refuse(self, row: LocalRow) -> bool:
        refusal = self._quoter.refusal(row.direction.input_token, row.direction.output_token, row.amount)
        if row.refusal is not None and type(row.refusal) is type(refusal):
            return False
        row.version += 1
        row.settle(quote=None, refusal=refusal, is_stale=False)
        return True


@dataclass(frozen=True, slots=True)
class _Offer:
    """What one pool gives for all amounts of one direction."""

    entry: PoolEntry
    direction: Direction
    outputs: Sequence[int]
    is_stale: bool
    curve: Curve

    def swap(self, amount: int, output: int) -> PricedSwap:
        impact = price_impact(amount, output, self.curve.net_price)
        return PricedSwap(self.entry, self.direction, amount, output, 0, None, impact, self.curve.depth_amount)
