"""What a market of 1,000 pairs costs one core: 5,000 pools of the six DEXes, 80,000 rows.

    python benchmarks/scale.py [--quick] [--json]

The pools are clones of the recorded SOL/USDC pools (PumpSwap: the recorded one, with reserves of that price), each with
keys of its own, at addresses derived as the programs derive them, and swapped by its own arithmetic. Every pair is
SOL and a token, holds five of the six DEXes, and has 40 amounts each way, all followed by one subscriber.

- a swap: the account updates of one swap in, its pool's rows priced (`LocalMarket.apply`), the changed rows encoded as
  one message, and afterwards its pool's depths measured. Beside it the two ladders of the changed pool alone, which
  are what the arithmetic itself takes.
- the same swap where 50 and 500 pools are held, in turns in the same run: what one swap costs must not depend on what
  else is held.
- a second of chain time: the Clock sysvar arrives and says that one has passed. Right after swaps, while dynamic fees
  decay, and an hour later, when no price depends on time any more.
- a look at every pool for having gone stale, as the sweep takes it.
- a full garbage collection, which stops the loop while it looks through all objects: before and after what is held
  has come to rest, as the sweep notices it (`CollectorRest`).
- loading (every account decoded, every pool vouched for), registration of all rows, resident memory.

All times are processor time of this thread, since they are compared with those of one core; the market's own clock
stands still but for what the benchmark lets pass. Floors: 1.3 times the cost at 50 pools, 1 ms for a second of chain
time that moves no price, 1.5 GB. Machines differ and are noisy: a missed floor is printed, nothing more.
"""

import sys

sys.path.pop(0)  # this file's folder: `local_quote.py` there is named like the package it measures

import argparse
import gc
import hashlib
import json
import os
import random
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median, quantiles
from typing import Any, Final

from local_quote.app import make_market
from local_quote.collector_rest import CollectorRest
from local_quote.settings import LocalQuoteSettings
from local_quote.wire import QuoteEncoder
from quote_core.dex.layout import key_bytes, key_from_bytes
from quote_core.dex.pool import Account, ChainClock, Dex, Direction, Pool, SwapMode
from quote_core.dex.programs import PROGRAMS, decode_pool
from quote_core.dex.spl_token import with_token_amount
from quote_core.errors import CorruptAccount, MarketError
from quote_core.quotes import Provenance
from quote_core.serving import Subscription
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, UpdateSource
from quote_core.solana.sysvar import SYSVAR_OWNER
from quote_core.tokens import Pair, Token, TokenRegistry, load_tokens
from quote_core.units import Pubkey
from recorded_market.chain_time import ChainTime
from recorded_market.recording import load_recording

AMOUNT_COUNT: Final = 40
POOLS_A_PAIR: Final = 5
RATIO_MAX: Final = 1.3
SECOND_MS_MAX: Final = 1.0
MEMORY_MB_MAX: Final = 1_500
_ARRAY_SIZE_BYTES_MIN: Final = 5_000
"""Accounts from this size on are arrays of ticks or bins: they say nothing of which accounts a pool needs."""
_US = 1e3
_MS = 1e6


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; `pool_counts` are ascending, the last is the market that all else is said of."""

    pool_counts: tuple[int, ...]
    swap_count: int
    second_count: int


FULL: Final = Size((50, 500, 5_000), swap_count=1_200, second_count=60)
QUICK: Final = Size((10, 30), swap_count=24, second_count=5)


class HeldClock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self._mono_ns = 10**15

    def advance(self, ns: int) -> None:
        """Let time pass."""
        self._mono_ns += ns

    def mono_ns(self) -> int:
        """See `Clock.mono_ns`."""
        return self._mono_ns

    def unix_ns(self) -> int:
        """See `Clock.unix_ns`."""
        return 1_785_000_000_000_000_000 + self._mono_ns


def address(*named: object) -> Pubkey:
    """Some key, always the same for a name."""
    return key_from_bytes(hashlib.sha256(repr(named).encode()).digest())


# ---- pools ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Template:
    """A recorded pool, and its tokens as `SOL` and the other one."""

    address: Pubkey
    accounts: Mapping[Pubkey, Account]
    sol: Pubkey
    token: Pubkey


def templates(registry: TokenRegistry) -> list[Template]:
    """One recorded pool of each DEX."""
    recorded = load_recording().accounts
    sol, usdc = (registry.resolve(symbol, field="symbol").mint for symbol in ("SOL", "USDC"))
    found: dict[Dex, Template] = {}
    reserves: tuple[int, int] | None = None
    for pool in _recorded_pools(recorded):
        if {pool.mint_a, pool.mint_b} == {sol, usdc}:
            found[pool.dex] = Template(pool.address, recorded, sol, usdc)
            if pool.dex is Dex.RAYDIUM_CPMM:
                reserves = tuple(_amount(recorded[vault]) for vault in (pool.vault_a, pool.vault_b))  # type: ignore[assignment]
    for pool in _recorded_pools(recorded):
        if pool.dex is Dex.PUMPSWAP:
            assert reserves is not None
            vaults = zip((pool.vault_a, pool.vault_b), reserves, strict=True)
            priced = {vault: _with_amount(recorded[vault], amount) for vault, amount in vaults}
            found[pool.dex] = Template(pool.address, {**recorded, **priced}, pool.mint_a, pool.mint_b)
    return [found[dex] for dex in Dex]


def _recorded_pools(recorded: Mapping[Pubkey, Account]) -> Iterator[Pool]:
    for pubkey, account in sorted(recorded.items()):
        if account.owner in PROGRAMS:
            try:
                yield decode_pool(pubkey, account)
            except CorruptAccount:
                continue  # another account of the program: a tick array, a configuration


def _amount(vault: Account) -> int:
    return int.from_bytes(vault.data[64:72], "little")


def _with_amount(vault: Account, amount: int) -> Account:
    return replace(vault, data=with_token_amount(vault.data, amount))


@dataclass(frozen=True, slots=True)
class Clone:
    """A pool and every account it rests on, None where there is none."""

    pool: Pool
    accounts: Mapping[Pubkey, Account | None]


def cloned(template: Template, number: int, *, sol: Pubkey, token: Pubkey) -> Clone:
    """The template as another pool of another token.

    Both are opened side by side: the n-th account that one asks for is to it what the n-th is to the other.
    """
    recorded = template.accounts
    original = decode_pool(template.address, recorded[template.address])
    keys = {template.sol: sol, template.token: token, original.address: address("pool", number)}
    keys |= {vault: address("vault", number, vault) for vault in (original.vault_a, original.vault_b)}
    raw_keys = {key_bytes(before): key_bytes(after) for before, after in keys.items()}

    def renamed(pubkey: Pubkey) -> Account | None:
        account = recorded.get(sol if pubkey == template.sol else pubkey)  # all pools share the one mint
        if account is None:
            return None
        data = account.data
        for before, after in raw_keys.items():
            data = data.replace(before, after)
        return account if data == account.data else replace(account, data=data)

    own = renamed(original.address)
    assert own is not None
    pool = decode_pool(keys[original.address], own)
    accounts: dict[Pubkey, Account | None] = {pool.address: own}
    while wanted := [
        (theirs.pubkey, ours.pubkey)
        for theirs, ours in zip(original.accounts_needed(), pool.accounts_needed(), strict=True)
        if ours.pubkey not in accounts
    ]:
        for theirs, ours in wanted:
            account = accounts[ours] = renamed(theirs)
            if account is None or len(account.data) < _ARRAY_SIZE_BYTES_MIN:
                original.apply(theirs, recorded.get(theirs))
                pool.apply(ours, account)
    return Clone(decode_pool(pool.address, own), accounts)


# ---- a market -------------------------------------------------------------------------------------------------------


class ScaledMarket:
    """The service's market with `pool_count` clones loaded, all rows registered and followed."""

    def __init__(self, pool_count: int, known: TokenRegistry, made_of: Sequence[Template], stack: ExitStack) -> None:
        pair_count = pool_count // POOLS_A_PAIR
        self.sol, usdc = (known.resolve(symbol, field="symbol") for symbol in ("SOL", "USDC"))
        tokens = [replace(usdc, mint=address("mint", n), symbol=f"T{n}", oracle=None) for n in range(pair_count)]
        self.registry = TokenRegistry([self.sol, *tokens], [Pair(self.sol, token) for token in tokens])
        self.clock = HeldClock()
        settings = LocalQuoteSettings(table_row_count_max=200_000, pool_count_max=pool_count)
        self.market = make_market(settings, self.registry, self.clock)
        self.chain = ChainTime.from_sysvar(made_of[0].accounts[CLOCK_SYSVAR].data).clock(436_453_863)
        self.slot = self.chain.slot
        self.market.slot_seen(self.slot - 1, self.clock.mono_ns())  # only a chain that advances vouches
        self.market.apply([self._clock_update()])
        self.by_dex: dict[Dex, list[Pubkey]] = {dex: [] for dex in Dex}
        self.load_ns = 0
        for number in range(pool_count):
            token = tokens[number // POOLS_A_PAIR]
            self._load(cloned(made_of[number % len(made_of)], number, sol=self.sol.mint, token=token.mint))
        wanted = [
            (one, other, amount)
            for token in tokens
            for one, other in ((self.sol, token), (token, self.sol))
            for amount in amounts_of(one)
        ]
        started = time.thread_time_ns()
        rows = self.market.register(wanted)
        self.register_ns = time.thread_time_ns() - started
        self.row_count = len(rows)
        self.subscriber: Subscription[int, int] = stack.enter_context(
            self.market.subscriptions.follow((row, number) for number, row in enumerate(rows))
        )
        self.encoder = QuoteEncoder(
            table=self.market.table,
            oracle=self.market.oracle,
            clock=self.clock,
            stale_after_ns=self.market.stale_after_ns,
        )

    def _load(self, clone: Clone) -> None:
        own, *_ = updates = self._answers(clone.accounts)
        started = time.thread_time_ns()
        self.market.add_pool(clone.pool, own, Provenance.RECORDED)
        self.market.apply(updates)
        self.load_ns += time.thread_time_ns() - started
        entry = self.market.store.entry(clone.pool.address)
        assert entry is not None and entry.is_loaded, clone.pool.dex  # noqa: PT018
        self.by_dex[clone.pool.dex].append(clone.pool.address)

    def _answers(self, accounts: Mapping[Pubkey, Account | None]) -> list[AccountUpdate]:
        now = self.clock.mono_ns()
        return [
            AccountUpdate(key, self.slot, account, now, UpdateSource.ANSWER, now) for key, account in accounts.items()
        ]

    def _clock_update(self) -> AccountUpdate:
        chain = self.chain
        data = struct.pack("<QqQQq", chain.slot, 0, chain.epoch, chain.epoch, chain.unix_timestamp)
        return AccountUpdate(
            CLOCK_SYSVAR, chain.slot, Account(SYSVAR_OWNER, data), self.clock.mono_ns(), UpdateSource.NOTIFICATION
        )

    def swap_updates(self, pool_id: Pubkey, direction: Direction, rank: int) -> list[AccountUpdate]:
        """The account updates of one swap of the `rank`-th amount, at the next slot."""
        entry = self.market.store.entry(pool_id)
        assert entry is not None
        pool = entry.pool
        mint_in = pool.mint_a if direction is Direction.A_TO_B else pool.mint_b
        amount = amounts_of(self.registry.by_mint(mint_in, field="mint"))[rank]
        swap = pool.swap(direction, SwapMode.EXACT_IN, amount, self.chain)
        self.clock.advance(1_000_000)
        self.slot += 1
        self.market.slot_seen(self.slot, self.clock.mono_ns())
        changed = []
        for pubkey, data in pool.write_swap(swap).items():
            held = self.market.store.account(pubkey)
            assert held is not None and held.account is not None  # noqa: PT018
            changed.append((pubkey, replace(held.account, data=data)))
        now = self.clock.mono_ns()
        return [AccountUpdate(key, self.slot, account, now, UpdateSource.NOTIFICATION) for key, account in changed]

    def message(self) -> int:
        """Encode what the subscriber has not been told; the number of rows."""
        rows = self.subscriber.take()
        told = self.encoder.told(self.subscriber.labels, rows, self.market.chain_clock)
        told.columns(count_max=len(told) or 1, sequence=1, snapshot=False)
        return len(rows)

    def pass_seconds(self, seconds: int) -> int:
        """Let chain time pass; the processor time that took."""
        self.chain = ChainClock(self.slot, self.chain.unix_timestamp + seconds, self.chain.epoch)
        update = self._clock_update()
        started = time.thread_time_ns()
        self.market.apply([update])
        return time.thread_time_ns() - started


def amounts_of(token: Token) -> list[int]:
    """The amounts watched of a token in: 0.25 to 10 SOL, 25 to 1,000 of the others."""
    unit = 10**token.decimals * (100 if token.category == "stable" else 1)
    return [unit * (step + 1) // 4 for step in range(AMOUNT_COUNT)]


# ---- measuring ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class SwapTimes:
    """Processor time of each swap: priced, its depths measured, encoded, and the ladders of the changed pool alone."""

    priced: dict[Dex, list[int]]
    measured: dict[Dex, list[int]]
    encoded: list[int]
    ladders: list[int]
    row_count: int = 0


def time_swap(scaled: ScaledMarket, pool_id: Pubkey, updates: Sequence[AccountUpdate], into: SwapTimes) -> None:
    market = scaled.market
    started = time.thread_time_ns()
    market.apply(updates)
    priced = time.thread_time_ns()
    into.row_count += scaled.message()
    encoded = time.thread_time_ns()
    market.measure_depths(1)
    measured = time.thread_time_ns()
    entry = market.store.entry(pool_id)
    assert entry is not None
    for direction in Direction:
        mint_in = entry.pool.mint_a if direction is Direction.A_TO_B else entry.pool.mint_b
        entry.pool.ladder(direction, amounts_of(scaled.registry.by_mint(mint_in, field="mint")), scaled.chain)
    done = time.thread_time_ns()
    into.priced[entry.pool.dex].append(priced - started)
    into.encoded.append(encoded - priced)
    into.measured[entry.pool.dex].append(measured - encoded)
    into.ladders.append(done - measured)


def bench_swaps(markets: Sequence[ScaledMarket], swap_count: int) -> list[SwapTimes]:
    """The same swaps on every market, in turns."""
    times = [SwapTimes({dex: [] for dex in Dex}, {dex: [] for dex in Dex}, [], []) for _ in markets]
    for scaled in markets:
        scaled.market.measure_depths(len(scaled.market.store))
    chance = random.Random(1)
    dexes = [dex for dex in Dex if all(scaled.by_dex[dex] for scaled in markets)]
    for turn in range(swap_count):
        dex, rank = dexes[turn % len(dexes)], chance.randrange(AMOUNT_COUNT)
        direction = chance.choice(list(Direction))
        where = chance.random()
        for scaled, into in zip(markets, times, strict=True):
            pools = scaled.by_dex[dex]
            pool_id = pools[int(where * len(pools))]
            try:
                updates = scaled.swap_updates(pool_id, direction, rank)
            except MarketError:
                updates = scaled.swap_updates(pool_id, direction.reverse, rank)
            time_swap(scaled, pool_id, updates, into)
    return times


def cost_ns(times: SwapTimes) -> float:
    """What a swap costs, every DEX counting alike."""
    by_dex = (times.priced, times.measured)
    return sum(mean(median(samples) for samples in each.values() if samples) for each in by_dex) + median(times.encoded)


def p99(samples: Sequence[int]) -> float:
    return quantiles(samples, n=100)[98]


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def collection_ms() -> float:
    started = time.thread_time_ns()
    gc.collect()
    return (time.thread_time_ns() - started) / _MS


def verdict(value: float, limit: float) -> str:
    return "held" if value <= limit else "MISSED"


def main() -> None:
    """Run all and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few pools: whether it runs, not what it costs")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON, too")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    results: dict[str, Any] = {}
    registry = load_tokens()
    gc.freeze()  # as a service's process does with what is imported
    with ExitStack() as stack:
        made_of = templates(registry)
        markets = []
        for pool_count in size.pool_counts:
            before_mb = resident_mb()
            markets.append(ScaledMarket(pool_count, registry, made_of, stack))
            memory_mb = resident_mb() - before_mb
        large = markets[-1]
        pool_count = len(large.market.store)
        results |= {"pools": pool_count, "pairs": len(large.registry.pairs), "rows": large.row_count}
        print(f"{pool_count} pools, {len(large.registry.pairs)} pairs, {large.row_count} rows")
        results |= {"load_ms": large.load_ns / _MS, "register_ms": large.register_ns / _MS, "memory_mb": memory_mb}
        load_us, row_us = large.load_ns / pool_count / _US, large.register_ns / large.row_count / _US
        print(f"loading            {large.load_ns / _MS:9.0f} ms   {load_us:.0f} us a pool")
        print(f"registration       {large.register_ns / _MS:9.0f} ms   {row_us:.1f} us a row")
        print(f"resident memory    {memory_mb:9.0f} MB   floor {MEMORY_MB_MAX}, {verdict(memory_mb, MEMORY_MB_MAX)}")

        results["collection_ms"] = collection_ms()
        rest = CollectorRest()
        assert [rest.look(large.row_count) for _ in range(2)] == [False, True]
        results["rested_ms"] = collection_ms()
        print(f"a full collection  {results['collection_ms']:9.0f} ms   of all objects of all {len(markets)} markets")
        print(f"  once at rest     {results['rested_ms']:9.1f} ms")

        bench_swaps(markets, size.swap_count // 10)  # lays out what later swaps only change
        times = bench_swaps(markets, size.swap_count)
        for dex in Dex:
            if samples := times[-1].priced[dex]:
                results[f"swap_{dex.label}_us"] = median(samples) / _US
                print(f"  priced, {dex.label:<16} p50 {median(samples) / _US:8.1f} us")
        all_priced, all_measured = (
            [sample for samples in by_dex.values() for sample in samples]
            for by_dex in (times[-1].priced, times[-1].measured)
        )
        for name, samples, reference in (
            ("priced", all_priced, f"{times[-1].row_count / len(all_priced):.0f} rows changed"),
            ("encoded", times[-1].encoded, ""),
            ("measured", all_measured, "its depths, beside the way"),
            ("ladders", times[-1].ladders, "reference: the two ladders of the changed pool alone"),
        ):
            results[f"{name}_p50_us"], results[f"{name}_p99_us"] = median(samples) / _US, p99(samples) / _US
            results[f"{name}_mean_us"] = mean(samples) / _US
            print(
                f"a swap: {name:<10} mean {mean(samples) / _US:8.1f} us   p50 {median(samples) / _US:8.1f}"
                f"   p99 {p99(samples) / _US:8.1f}   {reference}"
            )
        results["rows_changed"] = times[-1].row_count
        whole_us = results["priced_mean_us"] + results["encoded_mean_us"] + results["measured_mean_us"]
        results["swaps_per_s"] = 1e6 / whole_us
        times_ladders = whole_us / results["ladders_mean_us"]
        print(f"swaps a second on one core {1e6 / whole_us:9.0f}   {times_ladders:.1f} times the ladders")
        costs = [cost_ns(one) for one in times]
        for scaled, cost in zip(markets, costs, strict=True):
            ratio = cost / costs[0]
            results[f"beside_{len(scaled.market.store)}_pools_{scaled.row_count}_rows_us"] = cost / _US
            print(f"a swap where {len(scaled.market.store):5} pools are held {cost / _US:8.1f} us   {ratio:.2f} times")
        results["ratio"] = costs[-1] / costs[0]
        print(f"  floor {RATIO_MAX}, {verdict(results['ratio'], RATIO_MAX)}")

        for name in ("busy", "quiet"):
            if name == "quiet":
                large.pass_seconds(3_700)
            large.slot += 1
            seconds = [large.pass_seconds(1) for _ in range(size.second_count)]
            results[f"second_{name}_ms"] = median(seconds) / _MS
            results[f"second_{name}_max_ms"] = max(seconds) / _MS
            spent = f"p50 {median(seconds) / _MS:8.3f} ms   max {max(seconds) / _MS:8.3f}"
            limit = f"floor {SECOND_MS_MAX}, {verdict(median(seconds) / _MS, SECOND_MS_MAX)}" if name == "quiet" else ""
            print(f"a second of chain time, {name:<6} {spent}   {limit}")
        sweeps = []
        for _ in range(size.second_count):
            started = time.thread_time_ns()
            large.market.next_aging_ns()
            large.market.sweep()
            sweeps.append(time.thread_time_ns() - started)
        results["sweep_ms"] = median(sweeps) / _MS
        print(f"a look at every pool's age       {median(sweeps) / _MS:8.3f} ms")
    if arguments.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
