"""Thousands of random slots through the market and through a plain model: every row, version and message is the same.

What a slot does is drawn from a seed: swaps, the same again, older ones, pools that join, leave, close, open, and are
doubted; time that makes pools stale and unusable; streams that come, go, are slow, and share rows. The model knows
nothing of ladders, numbers of rows or bytes: it prices every amount alone, on every pool, after every slot.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest
from fakes.held_market import JITOSOL, SOL, SSOL, USDC, HeldMarket
from fakes.plain_pool import PlainPool, vault_account

from local_quote.pool_store import Doubt, PoolEntry
from local_quote.quoter import direction_of
from local_quote.settlement import Bid, RowState, settled
from local_quote.wire import QuoteEncoder
from quote_core.dex.pool import Direction, SwapMode
from quote_core.errors import MarketError, SolquoteError
from quote_core.generated.solquote.v1 import local_quote_pb2
from quote_core.serving import Subscription
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import Token

SLOT_COUNT = 1_500
Key = tuple[Token, Token, int]
DIRECTIONS = ((SOL, USDC), (USDC, SOL), (SOL, JITOSOL), (JITOSOL, SOL), (SOL, SSOL))
AMOUNTS = (1, 2, 10**6, 3 * 10**6, 10**9, 10**10, 10**12, 10**16)
NAMES = ("p", "q", "r", "s", "t", "u")
OWN_FIELDS = {
    *("input_amount", "output_amount", "price_impact", "version", "quoted_unix_ns", "quote_cache_age_ms", "row"),
    *("deviation_percent", "route"),
}


@dataclass
class ModelRow:
    """A row as the model has it."""

    state: RowState
    entry: PoolEntry | None = None
    refusal: SolquoteError | None = None
    holder_count: int = 0


@dataclass
class Stream:
    """A subscriber: what it calls its rows, and the version of each that it was told last."""

    subscription: Subscription[int, int]
    numbers: list[int]
    keys: dict[int, Key]
    closing: ExitStack
    told: dict[int, int] = field(default_factory=dict)


class Model:
    """All rows, settled one by one."""

    def __init__(self, held: HeldMarket) -> None:
        self._held = held
        self.rows: dict[Key, ModelRow] = {}
        self.changes: Counter[str] = Counter()

    def settle(self) -> None:
        """Price every row anew."""
        for key, row in self.rows.items():
            entries = {
                NAMES.index(one.pool.address): one for one in self._held.market.store.of_pair(key[0].mint, key[1].mint)
            }
            bids = list(self._bids(key, entries))
            clock = self._held.clock
            after = settled(row.state, bids, now_unix_ns=clock.unix_ns(), now_mono_ns=clock.mono_ns())
            if after is None:
                self._refuse(key, row)
            elif after is not row.state:
                row.state, row.entry, row.refusal = after, entries[after.offer], None
                self.changes["stale" if after.is_stale else "fresh"] += 1

    def _bids(self, key: Key, entries: dict[int, PoolEntry]) -> Iterator[Bid]:
        market = self._held.market
        for number, entry in entries.items():
            if not market.quoter.is_usable(entry) or market.quoter.closed_reason(entry):
                continue
            way = direction_of(entry, key[0].mint)
            try:
                output = entry.pool.swap(way, SwapMode.EXACT_IN, key[2], market.quoter.now_on_chain()).amount_out
            except MarketError:
                output = 0
            spot = entry.pool.spot_price(market.quoter.now_on_chain())
            spot = spot if way is Direction.A_TO_B else 1 / spot
            net_price = spot * (1 - entry.pool.fee_fraction(way, market.quoter.now_on_chain()))
            yield Bid(number, output, net_price, market.quoter.is_stale(entry))

    def _refuse(self, key: Key, row: ModelRow) -> None:
        refusal = self._held.market.quoter.refusal(*key)
        if row.refusal is None or type(row.refusal) is not type(refusal):
            row.state = RowState(key[2], version=row.state.version + 1)
            row.entry, row.refusal = None, refusal
            self.changes[type(refusal).__name__] += 1


class Slots:
    """One run of random slots."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.held = HeldMarket()
        self.model = Model(self.held)
        self.pools: dict[str, PlainPool] = {}
        self.vaults: dict[str, tuple[int, int]] = {}
        self.tokens: dict[str, tuple[Token, Token]] = {}
        self.streams: list[Stream] = []
        self.done: dict[str, int] = {}
        self.encoder = QuoteEncoder(
            table=self.held.market.table,
            oracle=self.held.market.oracle,
            clock=self.held.clock,
            stale_after_ns=self.held.market.stale_after_ns,
        )
        self._steps = (
            *[self.swap] * 6,
            *[self.read] * 5,
            *(self.same_again, self.older, self.join, self.join, self.leave),
            *(self.close_or_open, self.doubt, self.time_passes),
            *(self.subscribe, self.unsubscribe),
        )

    def run(self, count: int) -> None:
        """Slot by slot, compared after each."""
        for _ in range(count):
            step = self.draw.choice(self._steps)
            self._tick(self.draw.choice((0, 1, 400)))
            step()
            self.model.settle()
            self.done[step.__name__] = self.done.get(step.__name__, 0) + 1
            self.compare()

    def _tick(self, ms: int) -> None:
        self.held.tick(ms)
        self.held.market.sweep()  # rows of pools that only time has changed are told by it
        self.model.settle()

    def swap(self) -> None:
        if self.pools:
            name = self.draw.choice(list(self.pools))
            self._move(name)
            self._notify(name, self.held.slot + 1)

    def same_again(self) -> None:
        if self.pools:
            self._notify(self.draw.choice(list(self.pools)), self.held.slot + 1)

    def older(self) -> None:
        """A notification that is overtaken: nothing of it may show."""
        if self.pools:
            name = self.draw.choice(list(self.pools))
            pool, vaults = self.pools[name], self.vaults[name]
            self._notify(name, self.held.slot + 1)
            self.held.market.apply(
                [
                    self._notification(vault, vaults[side] * 2, self.held.slot - 1)
                    for side, vault in enumerate((pool.vault_a, pool.vault_b))
                ]
            )

    def read(self) -> None:
        """A whole pool is read, and vouched for."""
        if self.pools:
            name = self.draw.choice(list(self.pools))
            self._tick(1)
            if self.draw.random() < 0.5:
                self._move(name)
            self.held.read(self.pools[name], *self.vaults[name])

    def join(self) -> None:
        new = [name for name in NAMES if name not in self.pools]
        if new:
            name = self.draw.choice(new)
            drawn = self.draw.choice(((SOL, USDC), (SOL, USDC), (USDC, SOL), (SOL, JITOSOL)))
            tokens = self.tokens.setdefault(name, drawn)  # an address is of one pool for ever
            reserves = {SOL: 10**12, JITOSOL: 10**12, USDC: 80 * 10**9}
            self.vaults[name] = reserves[tokens[0]], reserves[tokens[1]]
            self._tick(1)
            fee_bps = self.draw.choice((1, 25, 25, 100))
            self.pools[name] = self.held.add(name, *self.vaults[name], tokens=tokens, fee_bps=fee_bps)

    def leave(self) -> None:
        """A pool is not held any more; it may come back."""
        if self.pools:
            name = self.draw.choice(list(self.pools))
            change = self.held.market.remove_pool(name)  # type: ignore[arg-type]  # names are addresses here
            assert {name, self.pools[name].vault_a, self.pools[name].vault_b} == change.lost
            del self.pools[name], self.vaults[name]

    def close_or_open(self) -> None:
        if self.pools:
            name = self.draw.choice(list(self.pools))
            self.pools[name].closed = "" if self.pools[name].closed else "paused"
            amount_a, amount_b = self.vaults[name]
            self.vaults[name] = amount_a, amount_b + 1  # its accounts say so
            self._notify(name, self.held.slot + 1)

    def doubt(self) -> None:
        """What is held is not to be relied on: the pool is stale until it is read."""
        if self.pools:
            name = self.draw.choice(list(self.pools))
            self.held.market.doubt([self.pools[name].address], Doubt.LOSSY_FEED)

    def time_passes(self) -> None:
        """Pools go stale; seldom past the limit."""
        self.held.pass_ms(self.draw.choice((1_000, 4_999, 6_000, 6_000, 61_000)))
        self.held.market.sweep()

    def subscribe(self) -> None:
        if len(self.streams) < 4:
            wanted = [
                (*self.draw.choice(DIRECTIONS), self.draw.choice(AMOUNTS)) for _ in range(self.draw.randint(1, 30))
            ]
            numbers = [self.draw.randint(0, 2**32 - 1) for _ in wanted]
            rows = self.held.market.register(wanted)
            for key in wanted:
                self.model.rows.setdefault(key, ModelRow(RowState(key[2]))).holder_count += 1
            closing = ExitStack()
            labelled = zip(rows, numbers, strict=True)
            subscription = closing.enter_context(self.held.market.subscriptions.follow(labelled))
            self.streams.append(Stream(subscription, rows, dict(zip(rows, wanted, strict=True)), closing))
            self.model.settle()
            self._take(self.streams[-1], self.streams[-1].subscription.take_all())

    def unsubscribe(self) -> None:
        if self.streams:
            stream = self.streams.pop(self.draw.randrange(len(self.streams)))
            stream.closing.close()
            self.held.market.table.release(stream.numbers)
            for row in stream.numbers:
                key = stream.keys[row]
                self.model.rows[key].holder_count -= 1
                if self.model.rows[key].holder_count == 0:
                    del self.model.rows[key]

    def compare(self) -> None:
        """Every row is the model's, and every message of a stream that takes says just what it has not been told."""
        table = self.held.market.table
        assert len(table) == len(table.quotes) == len(self.model.rows)
        for number in table:
            told = table.row(number)
            wanted = self.model.rows[told.input_token, told.output_token, told.amount]
            assert table.find(told.input_token.mint, told.output_token.mint, told.amount) == number
            assert (told.version, told.is_stale) == (wanted.state.version, wanted.state.is_stale)
            if wanted.refusal is not None:
                assert told.quote is None
                assert type(told.refusal) is type(wanted.refusal)
                continue
            assert told.quote is not None
            swap = told.quote.swap
            assert (swap.input_amount, swap.output_amount, swap.entry) == (
                wanted.state.amount,
                wanted.state.output,
                wanted.entry,
            )
            assert swap.price_impact == pytest.approx(wanted.state.price_impact, rel=1e-9, abs=1e-15)
            assert told.quote.quoted_mono_ns == wanted.state.quoted_mono_ns
        for stream in self.streams:
            if self.draw.random() < 0.5:  # the others are slow
                self._take(stream, stream.subscription.take())

    def _take(self, stream: Stream, rows: tuple[int, ...]) -> None:
        """The messages are of just the rows that changed since the last ones, and say what the model says."""
        now = {row: self.model.rows[key].state.version for row, key in stream.keys.items()}
        assert sorted(rows) == sorted(row for row, version in now.items() if version != stream.told.get(row))
        stream.told = now
        told = self.encoder.told(stream.subscription.labels, rows, self.held.market.chain_clock)
        singles = [local_quote_pb2.LocalQuote.FromString(message) for message in told.messages()]
        batches = told.batches(count_max=7, sequence=3, snapshot=False)
        batched = [quote for data in batches for quote in local_quote_pb2.LocalQuoteBatch.FromString(data).quotes]
        assert batched == singles
        wanted = [(number, stream.keys[row]) for row in rows for number in stream.subscription.labels[row]]
        assert [quote.row for quote in singles] == [number for number, _ in wanted]
        for quote, (_, key) in zip(singles, wanted, strict=True):
            self._compare_quote(quote, key)
        columns = [
            local_quote_pb2.LocalQuoteColumns.FromString(data)
            for data in told.columns(count_max=11, sequence=3, snapshot=False)
        ]
        assert sum(len(group.rows) for message in columns for group in message.groups) + sum(
            len(message.refused) for message in columns
        ) == len(singles)
        by_number: dict[int, list[local_quote_pb2.LocalQuote]] = {}
        for quote in singles:
            by_number.setdefault(quote.row, []).append(quote)
        for message in columns:
            for quote in (*message.refused, *unfolded(message)):
                assert quote in by_number[quote.row]

    def _compare_quote(self, quote: local_quote_pb2.LocalQuote, key: Key) -> None:
        row = self.model.rows[key]
        assert (quote.input_mint, quote.output_mint, quote.input_amount) == (key[0].mint, key[1].mint, key[2])
        assert quote.version == row.state.version
        if row.refusal is not None:
            assert (quote.error.code, quote.output_amount) == (row.refusal.code, 0)
            return
        assert row.entry is not None
        assert not quote.HasField("error")
        assert (quote.output_amount, quote.pool_id) == (row.state.output, row.entry.pool.address)
        assert quote.quoted_unix_ns == row.state.quoted_unix_ns
        assert quote.is_stale == row.state.is_stale
        now_mono_ns = self.held.clock.mono_ns()
        assert quote.quote_cache_age_ms == (now_mono_ns - row.state.quoted_mono_ns) // 10**6
        assert quote.pool_state_age_ms == row.entry.age_ns(now_mono_ns) // 10**6
        assert quote.slot == row.entry.slot
        (hop,) = quote.route
        assert (hop.pool_id, hop.input_amount, hop.output_amount) == (quote.pool_id, key[2], row.state.output)

    def _move(self, name: str) -> None:
        """By little or by much, so that winners change; sometimes so that nobody can be filled."""
        factor = self.draw.choice((0.9, 0.999, 1.001, 1.1, 1.0, 1e-9))
        amount_a, amount_b = self.vaults[name]
        self.vaults[name] = max(1, amount_a), max(1, round(amount_b * factor)) if amount_b > 10**6 else 80 * 10**9

    def _notify(self, name: str, slot: int) -> None:
        self.held.slot = slot
        pool = self.pools[name]
        updates = [
            self._notification(vault, amount, slot)
            for vault, amount in zip((pool.vault_a, pool.vault_b), self.vaults[name], strict=True)
        ]
        self.held.market.apply(updates)

    def _notification(self, vault: str, amount: int, slot: int) -> AccountUpdate:
        account, now_mono_ns = vault_account(amount), self.held.clock.mono_ns()
        return AccountUpdate(vault, slot, account, now_mono_ns, UpdateSource.NOTIFICATION)  # type: ignore[arg-type]


def unfolded(message: local_quote_pb2.LocalQuoteColumns) -> Iterator[local_quote_pb2.LocalQuote]:
    """The quotes of the groups as `LocalQuote` says them; there is no oracle here."""
    for group in message.groups:
        assert not {one.name for one, _ in group.common.ListFields()} & OWN_FIELDS
        for k, row in enumerate(group.rows):
            quote = local_quote_pb2.LocalQuote()
            quote.CopyFrom(group.common)
            quote.row, quote.version = row, group.versions[k]
            quote.input_amount, quote.output_amount = group.input_amounts[k], group.output_amounts[k]
            quote.price_impact, quote.quoted_unix_ns = group.price_impacts[k], group.quoted_unix_ns[k]
            quote.quote_cache_age_ms = group.quote_cache_ages_ms[k]
            hop = quote.route.add()
            hop.CopyFrom(group.hop)
            hop.input_amount, hop.output_amount = group.input_amounts[k], group.output_amounts[k]
            yield quote


@pytest.mark.parametrize("seed", [1, 2])
def test_random_slots_leave_every_row_and_message_as_a_plain_model_has_it(seed: int) -> None:
    slots = Slots(seed)
    slots.run(SLOT_COUNT)
    assert min(slots.done.values()) > SLOT_COUNT // 50, slots.done
    kinds = ("fresh", "stale", "NoLiquidity", "AmountTooSmall", "NotTradable", "StaleState")
    assert min(slots.model.changes[kind] for kind in kinds) > 10, slots.model.changes
