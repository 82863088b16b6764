"""What finding a route costs among 1,000 pools of the six DEXes, and what it misses.

    python benchmarks/routes.py [--quick] [--json]

The market: SOL and 19 tokens worth a dollar. Every other pool is a clone of a recorded SOL/USDC pool of one of the six
DEXes (`benchmarks/scale.py`), the others are constant-product pools between two of the dollar tokens, of sizes from ten
thousand to ten million, their prices up to 0.1 % apart. So there are some five pools between any two tokens, and some
twenty-five between SOL and each.

Each case is one request as the service answers it: searched, then priced to the unit. Beside it:

- brute force: every chain of as many swaps priced by the pools themselves, each beginning once. Its best output is
  what a search without splits has to find; the difference is printed in basis points.
- the same request after so many pools have changed: their curves are sampled anew, and that is part of the answer.
- sampling all pools for the first time.
- rows that may be routes of three swaps: a search for one direction of 40 amounts, and the table's pricing when a pool
  on the way of its rows has changed, beside the same of a pool that no row goes through.

Times are processor time of this thread. Floors: 2 ms for a request, brute force's output to 1 basis point. Machines
differ and are noisy: a missed floor is printed, nothing more.
"""

import sys

sys.path.pop(0)  # this file's folder: `local_quote.py` there is named like the package it measures

import argparse
import importlib.util
import json
import random
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from local_quote.app import make_market
from local_quote.market import LocalMarket
from local_quote.route_finder import RouteTerms
from local_quote.settings import LocalQuoteSettings
from quote_core.dex.labels import ALL_DEXES
from quote_core.dex.pool import Account, Dex, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.errors import NotTradable
from quote_core.quotes import Provenance
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, UpdateSource
from quote_core.solana.sysvar import SYSVAR_OWNER
from quote_core.tokens import Token, TokenRegistry, load_tokens
from quote_core.units import BPS, Pubkey
from recorded_market.chain_time import ChainTime


def _scale() -> Any:
    """The clones are those of `scale.py`, a script beside this one."""
    spec = importlib.util.spec_from_file_location("scale", Path(__file__).with_name("scale.py"))
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = sys.modules["scale"] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, "")  # it takes its own folder away, as this one does
    spec.loader.exec_module(module)
    return module


scale = _scale()

REQUEST_MS_MAX: Final = 2.0
BPS_MAX: Final = 1.0
TOKEN_COUNT: Final = 19
ROW_COUNT: Final = 40
_MS: Final = 1e6
_SLOT: Final = 436_453_863


@dataclass(frozen=True, slots=True)
class Case:
    """One request; amounts in smallest units."""

    name: str
    input_symbol: str
    output_symbol: str
    amount: int
    hop_count_max: int
    leg_count_max: int = 1
    mode: SwapMode = SwapMode.EXACT_IN


CASES: Final = (
    Case("direct", "SOL", "T1", 10**10, 1),
    Case("2 hops", "T0", "T1", 10**9, 2),
    Case("3 hops", "T0", "T1", 10**9, 3),
    Case("3 hops, large", "T0", "T1", 10**12, 3),
    Case("3 hops from SOL", "SOL", "T1", 10**10, 3),
    Case("circular, 2 hops", "SOL", "SOL", 10**10, 2),
    Case("circular, 3 hops", "SOL", "SOL", 10**10, 3),
    Case("split over 3 pools", "SOL", "T1", 10**12, 1, 3),
    Case("split over 3 routes of 3 hops", "T0", "T1", 10**12, 3, 3),
    Case("split, circular", "SOL", "SOL", 10**11, 3, 3),
    Case("wanted output, 3 hops", "T0", "T1", 10**9, 3, mode=SwapMode.EXACT_OUT),
)


class RoutedMarket:
    """The service's market with `pool_count` pools."""

    def __init__(self, pool_count: int) -> None:
        known = load_tokens()
        made_of = scale.templates(known)
        sol, usdc = (known.resolve(symbol, field="symbol") for symbol in ("SOL", "USDC"))
        dollars = [
            replace(usdc, mint=scale.address("mint", n), symbol=f"T{n}", oracle=None) for n in range(TOKEN_COUNT)
        ]
        self.registry = TokenRegistry([sol, *dollars], [])
        self.clock = scale.HeldClock()
        # Time passes with each search for rows' routes, and no pool is to be stale by it.
        self.settings = LocalQuoteSettings.model_validate(
            {"pool_count_max": pool_count, "row_hop_count_max": 3, "row_route_interval": "50ms", "stale_after": "60s"}
        )
        self.market: LocalMarket = make_market(self.settings, self.registry, self.clock)
        chain = ChainTime.from_sysvar(made_of[0].accounts[CLOCK_SYSVAR].data).clock(_SLOT)
        self.slot = chain.slot
        self.market.slot_seen(self.slot - 1, self.clock.mono_ns())  # only a chain that advances vouches
        data = struct.pack("<QqQQq", chain.slot, 0, chain.epoch, chain.epoch, chain.unix_timestamp)
        self._apply({CLOCK_SYSVAR: Account(SYSVAR_OWNER, data)})
        draw = random.Random(1)
        curved = [one for one in made_of if self._dex(one) in (Dex.RAYDIUM_AMM_V4, Dex.RAYDIUM_CPMM)]
        for number in range(pool_count):
            if number % 2:
                template = made_of[draw.randrange(len(made_of))]
                self._load(scale.cloned(template, number, sol=sol.mint, token=draw.choice(dollars).mint))
            else:
                self._load(self._between(draw, draw.choice(curved), number, *draw.sample(dollars, 2)))

    def request(self, case: Case) -> int:
        """Answer one request: the output, or what it costs."""
        route = self.market.routes.best(
            self._token(case.input_symbol),
            self._token(case.output_symbol),
            case.amount,
            mode=case.mode,
            terms=RouteTerms(ALL_DEXES, case.hop_count_max, case.leg_count_max),
        )
        return route.output_amount if case.mode is SwapMode.EXACT_IN else route.input_amount

    def brute_force(self, case: Case) -> int:
        """The most that any chain brings."""
        graph, clock = self.market.routes.graph, self.market.quoter.now_on_chain()
        target = self._token(case.output_symbol).mint
        by_mint: dict[Pubkey, list[Any]] = {}
        for edge in graph.edges:
            by_mint.setdefault(edge.mint_in, []).append(edge)

        def most(mint: Pubkey, amount: int, passed: tuple[Any, ...]) -> int:
            best = 0
            for edge in by_mint.get(mint, ()):
                is_last = edge.mint_out == target
                if not is_last and (
                    len(passed) + 1 == case.hop_count_max or edge.mint_out in {one.mint_in for one in passed} | {mint}
                ):
                    continue
                if any(edge.pool_id == one.pool_id for one in passed):
                    continue
                try:
                    output = edge.entry.pool.ladder(edge.direction, (amount,), clock)[0]
                except NotTradable:
                    continue
                if output:
                    best = max(best, output if is_last else most(edge.mint_out, output, (*passed, edge)))
            return best

        return most(self._token(case.input_symbol).mint, case.amount, ())

    def change(self, count: int) -> None:
        """Let so many pools have changed."""
        entries = self.market.routes.graph.entries
        self.market.routes.graph.pools_changed([entry.pool.address for entry in entries[:count]])

    def follow_rows(self) -> None:
        """Let somebody follow rows of a direction that has few pools of its own."""
        pair = self._token("T0"), self._token("T1")
        self.market.register((*pair, 10**6 * (rung + 1) ** 2) for rung in range(ROW_COUNT))

    def search_rows(self) -> None:
        """Search for the routes of these rows, as if something had changed."""
        self.clock.advance(self.settings.row_route_interval)
        self.market.table.revision += 1
        self.market.find_row_routes()

    def reprice(self, *, is_on_the_way: bool) -> None:
        """Let the table price what rests on a pool that rows go through, or on one that none goes through."""
        chains = self.market.table.chain_offers.values()
        through = {pool_id for chain in chains for pool_id in chain.pool_ids}
        pair = {self._token(symbol).mint for symbol in ("T0", "T1")}
        self.market.table.pools_changed(
            [
                next(
                    entry.pool.address
                    for entry in self.market.store
                    if {entry.pool.mint_a, entry.pool.mint_b} != pair
                    and (entry.pool.address in through) is is_on_the_way
                )
            ]
        )

    def _between(self, draw: random.Random, template: Any, number: int, one: Token, other: Token) -> Any:
        """A constant-product pool between two dollars."""
        accounts = dict(template.accounts)
        pool = decode_pool(template.address, accounts[template.address])
        size = 10 ** draw.uniform(10, 13)
        for vault in (pool.vault_a, pool.vault_b):
            amount = round(size * draw.uniform(0.9995, 1.0005))
            accounts[vault] = scale._with_amount(accounts[vault], amount)  # noqa: SLF001
        accounts[one.mint] = accounts[template.token]
        return scale.cloned(replace(template, accounts=accounts), number, sol=one.mint, token=other.mint)

    def _load(self, clone: Any) -> None:
        own = AccountUpdate(
            clone.pool.address, self.slot, clone.accounts[clone.pool.address], 1, UpdateSource.ANSWER, 1
        )
        self.market.add_pool(clone.pool, own, Provenance.SYNTHETIC)
        self._apply(clone.accounts)
        entry = self.market.store.entry(clone.pool.address)
        assert entry is not None and entry.is_loaded, clone.pool.dex  # noqa: PT018

    def _apply(self, accounts: Any) -> None:
        now = self.clock.mono_ns()
        self.market.apply(
            [AccountUpdate(key, self.slot, account, now, UpdateSource.ANSWER, now) for key, account in accounts.items()]
        )

    def _token(self, symbol: str) -> Token:
        return self.registry.resolve(symbol, field="symbol")

    @staticmethod
    def _dex(template: Any) -> Dex:
        return decode_pool(template.address, template.accounts[template.address]).dex


def timed_ms(measured: Callable[[], object]) -> float:
    """Processor time of one call."""
    started = time.thread_time_ns()
    measured()
    return (time.thread_time_ns() - started) / _MS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="100 pools, few rounds: does it run at all")
    parser.add_argument("--json", action="store_true", help="figures as one JSON object")
    options = parser.parse_args()
    pool_count, round_count = (100, 5) if options.quick else (1_000, 200)
    market = RoutedMarket(pool_count)
    first_ms = timed_ms(lambda: market.request(CASES[0]))
    market.change(pool_count)
    again_ms = timed_ms(lambda: market.request(CASES[0]))
    found: dict[str, dict[str, float]] = {}
    for case in CASES:
        output = market.request(case)
        times = sorted(timed_ms(partial(market.request, case)) for _ in range(round_count))
        figures = {"ms": median(times), "p99_ms": times[int(len(times) * 0.99)], "output": output}
        if case.leg_count_max == 1 and case.mode is SwapMode.EXACT_IN:
            started = time.thread_time_ns()
            figures["brute"] = market.brute_force(case)
            figures["brute_ms"] = (time.thread_time_ns() - started) / _MS
            figures["missed_bps"] = (figures["brute"] - output) / figures["brute"] * BPS
        found[case.name] = figures
    changed = {}
    for count in (1, 10, 100):
        times = []
        for _ in range(max(5, round_count // 4)):
            market.change(count)
            times.append(timed_ms(lambda: market.request(CASES[2])))
        changed[count] = median(times)
    market.follow_rows()
    rows = {
        "search": median(timed_ms(market.search_rows) for _ in range(round_count)),
        "chains": len(market.market.table.chain_offers),
        "on the way": median(timed_ms(partial(market.reprice, is_on_the_way=True)) for _ in range(round_count)),
        "elsewhere": median(timed_ms(partial(market.reprice, is_on_the_way=False)) for _ in range(round_count)),
    }
    if options.json:
        told = {"pools": pool_count, "first_ms": first_ms, "again_ms": again_ms, "cases": found, "changed_ms": changed}
        told["rows_ms"] = rows
        print(json.dumps(told))
        return 0
    print(f"{pool_count:,} pools, sampled for the first time {first_ms:.0f} ms, all anew {again_ms:.1f} ms")
    print(f"{'request':<32}{'ms':>8}{'p99':>8}{'brute force':>14}{'times':>9}{'missed':>11}")
    for name, figures in found.items():
        beside = ""
        if "brute_ms" in figures:
            ratio = figures["brute_ms"] / figures["ms"]
            beside = f"{figures['brute_ms']:>11.1f} ms{ratio:>8.0f}x{figures['missed_bps']:>8.4f} bp"
        print(f"{name:<32}{figures['ms']:>8.3f}{figures['p99_ms']:>8.3f}{beside}")
    for count, ms in changed.items():
        print(f"{f'3 hops, {count} pools changed':<32}{ms:>8.3f}")
    print(f"{f'rows: search, {ROW_COUNT} amounts':<32}{rows['search']:>8.3f}{rows['chains']:>8.0f} routes")
    beside = f"{rows['elsewhere']:>8.3f} ms where no row goes through it"
    print(f"{'rows: a pool on the way changed':<32}{rows['on the way']:>8.3f}{beside}")
    slow = [name for name, figures in found.items() if figures["ms"] > REQUEST_MS_MAX]
    short = [name for name, figures in found.items() if figures.get("missed_bps", 0) > BPS_MAX]
    print(f"floor, {REQUEST_MS_MAX:g} ms a request: " + (f"MISSED by {', '.join(slow)}" if slow else "held"))
    print(f"floor, brute force to {BPS_MAX:g} bp: " + (f"MISSED by {', '.join(short)}" if short else "held"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
