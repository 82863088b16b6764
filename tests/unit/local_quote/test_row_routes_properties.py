"""Rows that may be routes against a plain model: every pool and every chain of two, priced by the pools' own swaps."""

from collections.abc import Iterator
from dataclasses import dataclass

from fakes.held_market import JITOSOL, SOL, USDC, HeldMarket, HeldRow
from fakes.plain_pool import PlainPool
from hypothesis import given, settings
from hypothesis import strategies as st

from local_quote.pool_entry import PoolEntry
from local_quote.pool_store import Doubt
from local_quote.quoter import direction_of
from local_quote.settings import LocalQuoteSettings
from quote_core.dex.pool import SwapMode
from quote_core.errors import MarketError
from quote_core.tokens import Token

BPS = 10_000
MISSED_BPS_MAX = 1
RESERVES = st.integers(10**11, 10**14)  # between swaps no less than curves know
POOLS = {
    "a": (JITOSOL, USDC),
    "b": (JITOSOL, SOL),
    "c": (SOL, USDC),
    "d": (SOL, USDC),
    "e": (JITOSOL, SOL),
}
DIRECTIONS = ((JITOSOL, USDC), (USDC, JITOSOL), (SOL, USDC), (JITOSOL, SOL))
# What happens: a pool changes, is doubted, closes, opens, is let go or held again; time passes; routes are searched.
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.sampled_from(sorted(POOLS)), RESERVES, RESERVES),
        st.tuples(st.sampled_from(["doubt", "close", "open", "remove", "add"]), st.sampled_from(sorted(POOLS))),
        st.tuples(st.just("pass"), st.integers(1, 9_000)),
        st.tuples(st.just("search")),
    ),
    max_size=14,
)
AMOUNTS = st.lists(st.integers(10**8, 10**12), min_size=1, max_size=5, unique=True)
Said = tuple[object, ...]


@dataclass
class Rows:
    """A market, its rows, and what each was when it was looked at last."""

    held: HeldMarket
    pools: dict[str, PlainPool]
    rows: list[tuple[HeldRow, Token, Token]]

    def entry(self, name: str) -> PoolEntry | None:
        return self.held.market.store.entry(self.pools[name].address)

    def do(self, step: tuple[object, ...]) -> None:
        held, market = self.held, self.held.market
        match step:
            case ("change", str(name), int(one), int(other)) if self.entry(name) is not None:
                held.read(self.pools[name], one, other)
            case ("doubt", str(name)) if self.entry(name) is not None:
                market.doubt([self.pools[name].address], Doubt.REFUSED)
            case (("close" | "open") as verb, str(name)) if self.entry(name) is not None:
                self.pools[name].closed = "paused" if verb == "close" else ""
                held.read(self.pools[name], 10**12, 10**12 + held.slot)
            case ("remove", str(name)) if self.entry(name) is not None:
                market.remove_pool(self.pools[name].address)
            case ("add", str(name)) if self.entry(name) is None:
                self.pools[name] = held.add(name, 10**12, 10**12, tokens=POOLS[name])
            case ("pass", int(ms)):
                held.pass_ms(ms)
                market.sweep()
            case ("search",):
                self.search()
            case _:
                pass

    def search(self) -> None:
        self.held.tick(1_000)
        self.held.market.sweep()
        for _ in range(len(DIRECTIONS) + 1):
            self.held.market.find_row_routes()

    def best(self, one: Token, other: Token, amount: int, *, hop_count_max: int) -> tuple[bool, int] | None:
        """Whether stale, and the output: fresh before stale, then the most."""
        brought = [
            (is_stale, output)
            for is_stale, output in self._ways(one, other, amount, hop_count_max=hop_count_max)
            if output
        ]
        return min(brought, key=lambda way: (way[0], -way[1]), default=None)

    def _ways(self, one: Token, other: Token, amount: int, *, hop_count_max: int) -> Iterator[tuple[bool, int]]:
        for entry in self._usable(one, other):
            yield self.held.market.quoter.is_stale(entry), self.swapped(entry, one, amount)
        if hop_count_max > 1:
            (between,) = {JITOSOL.mint, SOL.mint, USDC.mint} - {one.mint, other.mint}
            middle = self.held.market.registry.by_mint(between, field="mint")
            for first in self._usable(one, middle):
                brought = self.swapped(first, one, amount)
                for second in self._usable(middle, other) if brought else ():
                    is_stale = any(map(self.held.market.quoter.is_stale, (first, second)))
                    yield is_stale, self.swapped(second, middle, brought)

    def _usable(self, one: Token, other: Token) -> list[PoolEntry]:
        return self.held.market.quoter.usable(one.mint, other.mint)

    def swapped(self, entry: PoolEntry, one: Token, amount: int) -> int:
        try:
            swap = entry.pool.swap(
                direction_of(entry, one.mint), SwapMode.EXACT_IN, amount, self.held.market.quoter.now_on_chain()
            )
        except MarketError:
            return 0
        return swap.amount_out

    def said(self, row: HeldRow) -> Said:
        told = self.held.market.table.row(row.number)
        if told.chain is not None:
            return told.chain.state.output, told.chain.offer.pool_ids, told.is_stale
        if told.quote is not None:
            return told.quote.swap.output_amount, (told.quote.swap.entry.pool.address,), told.is_stale
        return (type(told.refusal),)

    def check(self, row: HeldRow, one: Token, other: Token) -> None:
        """The row is exact, as stale as it says, and no worse than the pair's own pools."""
        told, direct = self.held.market.table.row(row.number), self.best(one, other, row.amount, hop_count_max=1)
        said = self.said(row)
        if told.refusal is not None:
            assert direct is None
            return
        entries = [told.quote.swap.entry] if told.quote is not None else []
        if told.chain is not None:
            entries = list(told.chain.offer.entries)
            amounts, mint = [row.amount], one
            for entry in entries:
                amounts.append(self.swapped(entry, mint, amounts[-1]))
                ends = {entry.pool.mint_a, entry.pool.mint_b} - {mint.mint}
                mint = self.held.market.registry.by_mint(ends.pop(), field="mint")
            assert mint is other
            assert list(told.chain.amounts) == amounts
            assert said[0] == amounts[-1]
        else:
            assert said[0] == self.swapped(entries[0], one, row.amount)
        assert told.is_stale == any(map(self.held.market.quoter.is_stale, entries))
        assert all(map(self.held.market.quoter.is_usable, entries))
        if direct is not None:
            assert (told.is_stale, -int(str(said[0]))) <= (direct[0], -direct[1])


def market_of(amounts: list[int]) -> Rows:
    held = HeldMarket(LocalQuoteSettings.model_validate({"row_hop_count_max": 2}))
    pools = {
        name: held.add(name, 10**12, 10**12, tokens=tokens, fee_bps=number)
        for number, (name, tokens) in enumerate(POOLS.items())
    }
    wanted = [(one, other, amount) for one, other in DIRECTIONS for amount in amounts]
    rows = held.register(*wanted)
    return Rows(held, pools, [(row, one, other) for row, (one, other, _) in zip(rows, wanted, strict=True)])


@settings(max_examples=60, deadline=None)
@given(amounts=AMOUNTS, steps=STEPS)
def test_rows_are_exact_at_every_moment_and_after_a_search_as_good_as_any_way(
    amounts: list[int], steps: list[tuple[object, ...]]
) -> None:
    market = market_of(amounts)
    for step in steps:
        before = [(market.said(row), row.version) for row, _, _ in market.rows]
        market.do(step)
        for (row, one, other), (said, version) in zip(market.rows, before, strict=True):
            assert (market.said(row) == said) == (row.version == version)
            market.check(row, one, other)
    market.search()
    for row, one, other in market.rows:
        market.check(row, one, other)
        best = market.best(one, other, row.amount, hop_count_max=2)
        said = market.said(row)
        if best is None:
            assert row.refusal is not None
            continue
        assert row.refusal is None
        assert row.is_stale == best[0]
        assert int(str(said[0])) * BPS >= best[1] * (BPS - MISSED_BPS_MAX)
