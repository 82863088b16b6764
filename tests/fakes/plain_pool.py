"""A pool as simple as can be: two vaults with a balance each, x * y = k, a fee in basis points."""

from collections.abc import Mapping, Sequence

from quote_core.dex.pool import NEVER, Account, AccountNeed, ChainClock, Dex, Direction, Pool, Swap, SwapMode
from quote_core.dex.spl_token import token_amount
from quote_core.errors import AmountTooSmall, CorruptAccount, NoLiquidity, NotTradable
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.units import BPS, Pubkey

OWNER = Pubkey("11111111111111111111111111111111")


VAULT_BYTES = 72
"""As much of a token account as its balance is in."""


def vault_account(amount: int) -> Account:
    return Account(OWNER, bytes(VAULT_BYTES - 8) + amount.to_bytes(8, "little"))


class PlainPool(Pool):
    """Prices from its vaults; `closed` makes it refuse, `extra` are further accounts it wants but never needs.

    `turn_times` and `turn_epochs` are when it says that its price may come to be another one by time alone.
    """

    dex = Dex.RAYDIUM_AMM_V4

    def __init__(
        self,
        name: str,
        mint_a: str,
        mint_b: str,
        *,
        fee_bps: int = 25,
        extra: Sequence[str] = (),
        dex: Dex = Dex.RAYDIUM_AMM_V4,
    ) -> None:
        self.address = Pubkey(name)
        self.mint_a = Pubkey(mint_a)
        self.mint_b = Pubkey(mint_b)
        self.vault_a = Pubkey(f"{name}-vault-a")
        self.vault_b = Pubkey(f"{name}-vault-b")
        self.fee_bps = fee_bps
        self.extra = [Pubkey(pubkey) for pubkey in extra]
        self.closed = ""
        self.ladder_count = 0
        self.turn_times: Sequence[int] = ()
        self.turn_epochs: Sequence[int] = ()
        self.dex = dex  # type: ignore[misc]  # a class variable of real pools, free to choose here
        self._amounts: dict[Pubkey, int] = {}
        self.moved_together = frozenset({self.vault_a, self.vault_b})

    def stands_alone(self, pubkey: Pubkey, account: Account | None) -> bool:
        return pubkey not in self.moved_together and pubkey not in self.extra

    def explains(self, changes: Mapping[Pubkey, Account | None]) -> bool:
        return changes.keys() <= self.moved_together

    def updates(
        self, amount_a: int, amount_b: int, *, slot: int, mono_ns: int, source: UpdateSource = UpdateSource.ANSWER
    ) -> list[AccountUpdate]:
        """What a read of all its accounts at one slot brings."""
        accounts = {
            self.address: Account(OWNER, b"pool"),
            self.vault_a: vault_account(amount_a),
            self.vault_b: vault_account(amount_b),
            **dict.fromkeys(self.extra),
        }
        asked_mono_ns = mono_ns if source is UpdateSource.ANSWER else 0
        return [
            AccountUpdate(pubkey, slot, account, mono_ns, source, asked_mono_ns) for pubkey, account in accounts.items()
        ]

    def accounts_needed(self) -> Sequence[AccountNeed]:
        vaults = [AccountNeed(self.vault_a), AccountNeed(self.vault_b)]
        return vaults + [AccountNeed(pubkey, required=False) for pubkey in self.extra]

    def apply(self, pubkey: Pubkey, account: Account | None) -> None:
        if pubkey in (self.vault_a, self.vault_b):
            if account is None or len(account.data) != VAULT_BYTES:
                raise CorruptAccount(pubkey, "size", f"must be {VAULT_BYTES} bytes")
            self._amounts[pubkey] = token_amount(account.data)

    def missing(self) -> Sequence[Pubkey]:
        return [pubkey for pubkey in (self.vault_a, self.vault_b) if pubkey not in self._amounts]

    def check_tradable(self, clock: ChainClock) -> None:
        if self.closed:
            raise NotTradable(self.address, self.closed)
        if self.missing():
            raise NotTradable(self.address, "accounts not loaded")

    def price_holds_until(self, clock: ChainClock) -> ChainClock:
        times = (turn for turn in self.turn_times if turn > clock.unix_timestamp)
        epochs = (turn for turn in self.turn_epochs if turn > clock.epoch)
        return ChainClock(slot=NEVER, unix_timestamp=min(times, default=NEVER), epoch=min(epochs, default=NEVER))

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        self.check_tradable(clock)
        reserve_in, reserve_out = self._reserves(direction)
        wanted = amount if mode is SwapMode.EXACT_OUT else 0
        if wanted:
            if wanted >= reserve_out:
                raise NoLiquidity(self.address, "not deep enough")
            net = -(-reserve_in * wanted // (reserve_out - wanted))
            amount = -(-net * BPS // (BPS - self.fee_bps))
        fee = -(-amount * self.fee_bps // BPS)
        output = reserve_out * (amount - fee) // (reserve_in + amount - fee)
        if output <= 0:
            raise AmountTooSmall(self.address, "buys nothing")
        if amount > 1000 * reserve_in:
            raise NoLiquidity(self.address, "not deep enough")
        fee_mint = self.mint_a if direction is Direction.A_TO_B else self.mint_b
        return Swap(direction, mode, amount, wanted or output, fee, fee_mint, 0, None)

    def write_swap(self, swap: Swap) -> Mapping[Pubkey, bytes]:
        raise NotImplementedError("no test moves this pool by its own arithmetic")

    def ladder(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        self.check_tradable(clock)
        self.ladder_count += 1
        return [self._output_or_zero(direction, amount, clock) for amount in amounts_in]

    def _output_or_zero(self, direction: Direction, amount: int, clock: ChainClock) -> int:
        try:
            return self.swap(direction, SwapMode.EXACT_IN, amount, clock).amount_out
        except (AmountTooSmall, NoLiquidity):
            return 0

    def spot_price(self, clock: ChainClock) -> float:
        self.check_tradable(clock)
        return self._amounts[self.vault_b] / self._amounts[self.vault_a]

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        return self.fee_bps / BPS

    def _reserves(self, direction: Direction) -> tuple[int, int]:
        reserves = self._amounts[self.vault_a], self._amounts[self.vault_b]
        return reserves if direction is Direction.A_TO_B else (reserves[1], reserves[0])
