"""A golden market that is left, what it kept, and the one that begins from that: one host, one clock, no process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fakes.fake_clock import FakeClock
from fakes.golden_market import GOLDEN_POOLS, GoldenMarket
from fakes.held_market import REGISTRY, SOL, USDC, clock_update

from local_quote.app import make_market
from local_quote.market import LocalMarket, WantedChange
from local_quote.settings import LocalQuoteSettings
from local_quote.warm_start import WARM_FILE_NAME, WarmStart
from quote_core.clock import Clock
from quote_core.dex.pool import Account, ChainClock, Direction, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.errors import SolquoteError
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.units import NS_PER_S, Pubkey

ENDPOINTS = ("node",)
AMOUNT = 10**9


@dataclass
class Reads:
    """Takes note of what it is to read."""

    genesis_hash: str | None = None
    wanted: set[Pubkey] = field(default_factory=set)

    def expect_chain(self, genesis_hash: str) -> None:
        self.genesis_hash = genesis_hash

    def wanted_changed(self, change: WantedChange) -> None:
        self.wanted |= change.gained


@dataclass
class Ranks:
    """Takes note of what pools are worth."""

    depths: dict[Pubkey, int | None] = field(default_factory=dict)
    found: dict[Pubkey, int | None] = field(default_factory=dict)

    def depth_lamports(self, pool_id: Pubkey) -> int | None:
        return self.depths.get(pool_id)

    def restored(self, pool_id: Pubkey, depth_lamports: int | None) -> None:
        self.found[pool_id] = depth_lamports


def warm_start(
    folder: Path,
    market: LocalMarket,
    clock: Clock,
    *,
    reads: Reads | None = None,
    ranks: Ranks | None = None,
    endpoints: tuple[str, ...] = ENDPOINTS,
    run_id: str = "",
    age_s_max: int = 3_600,
    pool_count_max: int = 100,
) -> WarmStart:
    return WarmStart(
        path=folder / WARM_FILE_NAME,
        market=market,
        reads=reads or Reads(),
        ranks=ranks or Ranks(),
        clock=clock,
        endpoints=endpoints,
        run_id=run_id,
        interval_ns=NS_PER_S,
        age_ns_max=age_s_max * NS_PER_S,
        pool_count_max=pool_count_max,
    )


def golden_market() -> GoldenMarket:
    """All golden pools, held and fresh."""
    golden = GoldenMarket()
    for name in GOLDEN_POOLS:
        golden.add(name)
    return golden


def quotes_of(market: LocalMarket) -> dict[tuple[Pubkey, str], int]:
    """What each usable pool of SOL/USDC gives for an amount of either token."""
    return {
        (entry.pool.address, token.mint): market.quoter.through(entry, token.mint, AMOUNT // 1_000).output_amount
        for token in (SOL, USDC)
        for entry in market.quoter.usable(SOL.mint, USDC.mint)
    }


def true_outputs(accounts: Mapping[Pubkey, Account], clock: ChainClock) -> dict[tuple[Pubkey, str], int]:
    """What the pools give by the chain's accounts, each opened for this alone."""
    outputs = {}
    for pool_id in GOLDEN_POOLS.values():
        pool = decode_pool(pool_id, accounts[pool_id])
        asked: set[Pubkey] = set()
        while wanted := [need.pubkey for need in pool.accounts_needed() if need.pubkey not in asked]:
            asked |= set(wanted)
            for pubkey in wanted:
                pool.apply(pubkey, accounts.get(pubkey))
        for mint, direction in ((pool.mint_a, Direction.A_TO_B), (pool.mint_b, Direction.B_TO_A)):
            outputs[pool_id, mint] = pool.swap(direction, SwapMode.EXACT_IN, AMOUNT // 1_000, clock).amount_out
    return outputs


@dataclass
class Restarted:
    """A market of a process that has just begun; `accounts` and `slot` are the chain's."""

    clock: FakeClock
    accounts: dict[Pubkey, Account]
    slot: int
    market: LocalMarket = field(init=False)

    def __post_init__(self) -> None:
        self.market = make_market(LocalQuoteSettings(), REGISTRY, self.clock)

    def quotes(self) -> dict[tuple[Pubkey, str], int]:
        """See `quotes_of`."""
        return quotes_of(self.market)

    def best(self) -> tuple[bool, int] | SolquoteError:
        """Whether the best quote is stale, and its output; or why there is none."""
        try:
            quote = self.market.quote(SOL, USDC, AMOUNT)
        except SolquoteError as error:
            return error
        return self.market.quoter.is_stale(quote.swap.entry), quote.swap.output_amount

    def read(self, *, slots: int = 1) -> None:
        """The chain goes on, and everything that is wanted is read."""
        self.clock.advance_ms(400 * slots)
        self.slot += slots
        now = self.clock.mono_ns()
        asked: set[tuple[Pubkey, ...]] = set()
        self.market.apply([clock_update(slot=self.slot, unix_timestamp=1_790_000_100)])
        while unread := {entry.accounts for entry in self.market.store} - asked:
            asked |= unread
            wanted = dict.fromkeys(pubkey for accounts in unread for pubkey in accounts)
            self.market.apply(
                [
                    AccountUpdate(pubkey, self.slot, self.accounts.get(pubkey), now, UpdateSource.ANSWER, now)
                    for pubkey in wanted
                ]
            )
