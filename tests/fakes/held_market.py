"""A local quote service's market over plain pools, with the chain's clock and everything else in a test's hand."""

import struct
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from fakes.fake_clock import FakeClock
from fakes.plain_pool import PlainPool, vault_account

from local_quote.app import make_market
from local_quote.market import LocalMarket
from local_quote.row_table import LocalQuote
from local_quote.settings import LocalQuoteSettings
from quote_core.dex.pool import Account, Dex
from quote_core.errors import SolquoteError
from quote_core.quotes import Provenance
from quote_core.serving import Subscription
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, UpdateSource
from quote_core.solana.sysvar import SYSVAR_OWNER
from quote_core.tokens import Token, load_tokens

REGISTRY = load_tokens()
SOL = REGISTRY.resolve("SOL", field="symbol")
USDC = REGISTRY.resolve("USDC", field="symbol")
JITOSOL = REGISTRY.resolve("JitoSOL", field="symbol")
SSOL = REGISTRY.resolve("sSOL", field="symbol")


def clock_update(*, slot: int, unix_timestamp: int, epoch: int = 1, mono_ns: int = 0) -> AccountUpdate:
    data = struct.pack("<QqQQq", slot, 0, epoch, epoch + 1, unix_timestamp)
    return AccountUpdate(CLOCK_SYSVAR, slot, Account(SYSVAR_OWNER, data), mono_ns, UpdateSource.NOTIFICATION)


@dataclass(frozen=True)
class HeldRow:
    """A registered row, and what it says at the moment it is asked."""

    market: LocalMarket
    number: int

    @property
    def amount(self) -> int:
        return self.market.table.row(self.number).amount

    @property
    def version(self) -> int:
        return self.market.table.row(self.number).version

    @property
    def quote(self) -> LocalQuote | None:
        return self.market.table.row(self.number).quote

    @property
    def refusal(self) -> SolquoteError | None:
        return self.market.table.row(self.number).refusal

    @property
    def is_stale(self) -> bool:
        return self.market.table.row(self.number).is_stale


@dataclass
class HeldMarket:
    """`market` and the clock it lives by; `slot` is the newest one."""

    settings: LocalQuoteSettings = field(default_factory=LocalQuoteSettings)
    clock: FakeClock = field(default_factory=FakeClock)
    slot: int = 100
    subscribers: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.market: LocalMarket = make_market(self.settings, REGISTRY, self.clock)
        self.market.apply([clock_update(slot=self.slot, unix_timestamp=1_700_000_000)])
        self.tick(0)
        self.tick(0)

    def add(
        self,
        name: str,
        amount_a: int,
        amount_b: int,
        *,
        tokens: tuple[Token, Token] = (SOL, USDC),
        provenance: Provenance = Provenance.CHAIN,
        fee_bps: int = 25,
        is_loaded: bool = True,
        dex: Dex = Dex.RAYDIUM_AMM_V4,
    ) -> PlainPool:
        """Take a pool in and, unless told otherwise, read its vaults."""
        pool = PlainPool(name, tokens[0].mint, tokens[1].mint, fee_bps=fee_bps, dex=dex)
        own, *_ = self.updates(pool, amount_a, amount_b)
        self.market.add_pool(pool, own, provenance)
        if is_loaded:
            self.read(pool, amount_a, amount_b)
        return pool

    def register(self, *wanted: tuple[Token, Token, int]) -> list[HeldRow]:
        """Rows that are held and that nobody follows."""
        return self.rows(self.market.register(wanted))

    def rows(self, numbers: Iterable[int]) -> list[HeldRow]:
        """Rows by their numbers."""
        return [HeldRow(self.market, number) for number in numbers]

    def subscribe(self, *wanted: tuple[Token, Token, int]) -> Subscription[int, int]:
        """A stream that follows rows for as long as the market is there, each under its position."""
        rows = self.market.table.register(wanted).rows
        numbered = ((row, number) for number, row in enumerate(rows))
        return self.subscribers.enter_context(self.market.subscriptions.follow(numbered))

    def updates(self, pool: PlainPool, amount_a: int, amount_b: int) -> list[AccountUpdate]:
        """What a read of the whole pool brings that is asked for and answered now."""
        return pool.updates(amount_a, amount_b, slot=self.slot, mono_ns=self.clock.mono_ns())

    def tick(self, ms: int = 400) -> None:
        """Time passes, and the next slot is notified: only a chain that advances vouches."""
        self.clock.advance_ms(ms)
        self.slot += 1
        self.market.slot_seen(self.slot, self.clock.mono_ns())

    def pass_ms(self, ms: int) -> None:
        """Time passes while the chain advances as usual."""
        while ms > 0:
            self.tick(min(ms, 400))
            ms -= 400

    def read(self, pool: PlainPool, amount_a: int, amount_b: int) -> None:
        """A poll of the whole pool at a new slot."""
        self.slot += 1
        self.market.apply(self.updates(pool, amount_a, amount_b))

    def notify(self, pool: PlainPool, **vaults: int) -> None:
        """A notification of `a`, `b` or both vaults at a new slot."""
        self.slot += 1
        pubkeys = {"a": pool.vault_a, "b": pool.vault_b}
        self.market.apply(
            [
                AccountUpdate(
                    pubkeys[name], self.slot, vault_account(amount), self.clock.mono_ns(), UpdateSource.NOTIFICATION
                )
                for name, amount in vaults.items()
            ]
        )
