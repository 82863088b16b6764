"""The streamed rows: one (input mint, output mint, amount) each, priced as ladders, with a version that counts changes.

When a pool changes, its ladder is priced once per direction for all amounts; the other pools' ladders are kept, and
the best of all is taken anew. Only rows whose output, pool, refusal or staleness differ change. Does no I/O.
"""

from array import array
from bisect import insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from local_quote.impact import price_impact
from local_quote.pool_store import PoolEntry, PoolStore
from local_quote.quoter import PricedSwap, Quoter, direction_of
from quote_core.clock import Clock
from quote_core.errors import NotTradable, SolquoteError, TooManyQuotes
from quote_core.tokens import Token
from quote_core.units import Pubkey

__all__ = ["DirectionRows", "Quote", "QuoteTable", "Row"]

DirectionKey = tuple[Pubkey, Pubkey]


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced swap with its place in time."""

    input_token: Token
    output_token: Token
    swap: PricedSwap
    version: int
    quoted_unix_ns: int
    quoted_mono_ns: int


@dataclass(slots=True, eq=False)
class Row:
    """One combination: either `quote` or `refusal` is set once it has been priced.

    `encoded` is the wire form of all that changes only with the version, made by the first who sends it.
    """

    direction: "DirectionRows"
    amount: int
    version: int = 0
    quote: Quote | None = None
    refusal: SolquoteError | None = None
    is_stale: bool = False
    subscription_count: int = 0
    encoded: bytes | None = None
    tail: bytes = b""
    tail_mono_ns: int = 0


@dataclass(slots=True, eq=False)
class DirectionRows:
    """The rows of one direction of a pair, amounts ascending, and what each usable pool gives for them."""

    input_token: Token
    output_token: Token
    amounts: "array[int]" = field(default_factory=lambda: array("Q"))  # what kernels read in place
    rows: dict[int, Row] = field(default_factory=dict)
    ladders: dict[Pubkey, Sequence[int]] = field(default_factory=dict)


class QuoteTable:
    """Rows by direction, registered as long as somebody subscribes to them."""

    def __init__(
        self, *, store: PoolStore, quoter: Quoter, clock: Clock, stale_after_ns: int, row_count_max: int
    ) -> None:
        self._store = store
        self._quoter = quoter
        self._clock = clock
        self._stale_after_ns = stale_after_ns
        self._row_count_max = row_count_max
        self._directions: dict[DirectionKey, DirectionRows] = {}
        self._row_count = 0

    def __len__(self) -> int:
        return self._row_count

    def __iter__(self) -> Iterator[Row]:
        for direction in self._directions.values():
            yield from direction.rows.values()

    def row(self, input_mint: Pubkey, output_mint: Pubkey, amount: int) -> Row | None:
        """The row of a combination, if registered."""
        direction = self._directions.get((input_mint, output_mint))
        return direction.rows.get(amount) if direction is not None else None

    def register(self, wanted: Iterable[tuple[Token, Token, int]]) -> list[Row]:
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
                row = direction.rows[amount] = Row(direction, amount)
                insort(direction.amounts, amount)
                self._row_count += 1
                grown[id(direction)] = direction
            row.subscription_count += 1
            rows.append(row)
        for direction in grown.values():
            self._reprice_all(direction)
        return rows

    def release(self, rows: Iterable[Row]) -> None:
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

    def pools_changed(self, pool_ids: Iterable[Pubkey]) -> list[Row]:
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

    def _reprice_all(self, direction: DirectionRows) -> list[Row]:
        direction.ladders.clear()
        for entry in self._store.of_pair(direction.input_token.mint, direction.output_token.mint):
            self._price_ladder(direction, entry)
        return self._take_best(direction)

    def _price_ladder(self, direction: DirectionRows, entry: PoolEntry) -> None:
        pool_id = entry.pool.address
        direction.ladders.pop(pool_id, None)
        if self._quoter.is_usable(entry):
            try:
                direction.ladders[pool_id] = entry.pool.ladder(
                    direction_of(entry, direction.input_token.mint), direction.amounts, self._quoter.now_on_chain()
                )
            except NotTradable:
                return  # as a pool that is not there; asking for the pool itself tells why

    def _take_best(self, direction: DirectionRows) -> list[Row]:
        ladders = sorted(direction.ladders.items())
        changed = []
        for index, amount in enumerate(direction.amounts):
            best_out, best_id = 0, None
            for pool_id, outputs in ladders:
                if outputs[index] > best_out:
                    best_out, best_id = outputs[index], pool_id
            row = direction.rows[amount]
            if self._settle(row, best_out, best_id):
                changed.append(row)
        return changed

    def _settle(self, row: Row, output: int, pool_id: Pubkey | None) -> bool:
        """Give a row its result; False when it is what it was."""
        entry = self._store.entry(pool_id) if pool_id is not None else None
        if entry is None:
            return self._refuse(row)
        is_stale = entry.age_ns(self._clock.mono_ns()) > self._stale_after_ns
        before = row.quote
        if (
            before is not None
            and before.swap.output_amount == output
            and before.swap.entry is entry
            and row.is_stale == is_stale
        ):
            return False
        row.version += 1
        row.is_stale = is_stale
        row.refusal = None
        row.quote = self._quote(row, entry, output)
        row.encoded = None
        row.tail_mono_ns = 0
        return True

    def _quote(self, row: Row, entry: PoolEntry, output: int) -> Quote:
        direction = direction_of(entry, row.direction.input_token.mint)
        curve = self._quoter.curve(entry, direction)
        swap = PricedSwap(
            entry=entry,
            direction=direction,
            input_amount=row.amount,
            output_amount=output,
            fee_amount=0,
            fee_mint=None,
            price_impact=price_impact(row.amount, output, curve.net_price),
            depth_amount=curve.depth_amount,
        )
        return Quote(
            input_token=row.direction.input_token,
            output_token=row.direction.output_token,
            swap=swap,
            version=row.version,
            quoted_unix_ns=self._clock.unix_ns(),
            quoted_mono_ns=self._clock.mono_ns(),
        )

    def _refuse(self, row: Row) -> bool:
        refusal = self._quoter.refusal(row.direction.input_token, row.direction.output_token, row.amount)
        if row.refusal is not None and type(row.refusal) is type(refusal):
            return False
        row.version += 1
        row.quote = None
        row.refusal = refusal
        row.is_stale = False
        row.encoded = None
        row.tail_mono_ns = 0
        return True
