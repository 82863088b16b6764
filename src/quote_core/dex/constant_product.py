"""What the constant-product DEXes share: two vaults and x * y = k.

When every account of its book is held, a `VaultPool` makes its curve, the compact state that every quote reads. A DEX
adds its layout, its fees and its refusals.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from quote_core.dex.account_book import AccountBook, Decoder
from quote_core.dex.booked_pool import AccountReading, BookedPool, OwnT
from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.pool import Account, ChainClock, Direction, Swap, SwapMode, SwapStep
from quote_core.dex.spl_token import TokenAccount, decode_token_account, with_token_amount
from quote_core.errors import (
    AmountOverflow,
    AmountTooSmall,
    CorruptAccount,
    ImpossibleReserves,
    MarketError,
    NoLiquidity,
)
from quote_core.units import U64_MAX, Pubkey

__all__ = [
    "Priced",
    "Reserves",
    "VaultBalances",
    "VaultPool",
    "VaultsAfter",
    "curve_in_ceil",
    "curve_out_floor",
]


class Priced(Protocol):
    """What a price is made of: the reserves that trade."""

    @property
    def reserve_a(self) -> int:
        """What is left of vault A for trading."""
        ...

    @property
    def reserve_b(self) -> int:
        """What is left of vault B for trading."""
        ...


CurveT = TypeVar("CurveT", bound=Priced)


def curve_out_floor(reserve_in: int, reserve_out: int, amount_in: int) -> int:
    """Give what `amount_in`, fees already off, buys at constant product, rounded down. `reserve_in` is above zero."""
    return mul_div_floor(reserve_out, amount_in, reserve_in + amount_in)


def curve_in_ceil(reserve_in: int, reserve_out: int, amount_out: int) -> int:
    """Give what `amount_out` costs at constant product before fees, rounded up. `amount_out` < `reserve_out`."""
    return mul_div_ceil(reserve_in, amount_out, reserve_out - amount_out)


@dataclass(frozen=True, slots=True)
class Reserves:
    """The vaults less what is owed from them; below zero where more is owed than a vault holds."""

    reserve_a: int
    reserve_b: int

    def of(self, direction: Direction) -> tuple[int, int]:
        """Give the reserves of the input and the output token."""
        if direction is Direction.A_TO_B:
            return self.reserve_a, self.reserve_b
        return self.reserve_b, self.reserve_a

    def check_owed(self, pool: Pubkey) -> None:
        """Pass when the vaults hold what is owed.

        Raises:
            ImpossibleReserves: One of them does not.
        """
        if self.reserve_a < 0 or self.reserve_b < 0:
            raise ImpossibleReserves(pool, "a vault holds less than is owed from it")

    def check_filled(self, pool: Pubkey) -> None:
        """Pass when both reserves hold something.

        Raises:
            NoLiquidity: One of them is empty.
        """
        if self.reserve_a == 0 or self.reserve_b == 0:
            raise NoLiquidity(pool, "a reserve is empty")


@dataclass(frozen=True, slots=True)
class VaultBalances:
    """The two vaults' balances."""

    a: int
    b: int


@dataclass(frozen=True, slots=True)
class VaultsAfter:
    """What a swap leaves; a DEX adds what else of its own changes."""

    balances: VaultBalances


class VaultPool(BookedPool[OwnT], Generic[OwnT, CurveT]):
    """A pool priced from the balances of its two vaults and some other accounts, all of them required."""

    _curve: CurveT | None = None

    @abstractmethod
    def _extra_decoders(self) -> Mapping[Pubkey, Decoder]:
        """Name the accounts needed besides the vaults, with how each is read."""

    @abstractmethod
    def _make_curve(self, own: OwnT, book: AccountBook) -> CurveT:
        """Put the compact state together; every needed account is held."""

    @abstractmethod
    def _check_curve(self, curve: CurveT, clock: ChainClock) -> None:
        """Raise `NotTradable` where the DEX's own rules refuse a swap."""

    @abstractmethod
    def _curve_steps(self, swap: Swap, clock: ChainClock) -> Sequence[SwapStep]:
        """Give the lines of `arithmetic` that follow on the reserves."""

    def arithmetic(self, swap: Swap, clock: ChainClock) -> Sequence[SwapStep]:
        """See `Pool.arithmetic`: the vaults and what of them trades, then the DEX's own rule."""
        curve = self._held()
        vaults = (self._vault_amount(self.vault_a), self._vault_amount(self.vault_b))
        traded = (curve.reserve_a, curve.reserve_b)
        sides = ("A", "B") if swap.direction is Direction.A_TO_B else ("B", "A")
        reserves = []
        for side, what in zip(sides, ("reserve in", "reserve out"), strict=True):
            vault, reserve = vaults["AB".index(side)], traded["AB".index(side)]
            apart = f" - {vault - reserve}" if vault >= reserve else f" + {reserve - vault}"
            reserves.append(SwapStep(what, f"{vault}{apart if vault != reserve else ''}", reserve))
        return (*reserves, *self._curve_steps(swap, clock))

    def _own_data_after(self, swap: Swap) -> bytes | None:
        """Give the pool account's data after `swap`; None where a swap changes nothing there that a later one reads."""
        del swap
        return None

    def explains(self, changes: Mapping[Pubkey, Account | None]) -> bool:
        """See `Pool.explains`: the vaults and the pool's account are all that any of its transactions changes."""
        return changes.keys() <= self.moved_together

    def _make_readings(self) -> Mapping[Pubkey, AccountReading]:
        """The vaults, then what the DEX's fees depend on."""
        decoders = dict.fromkeys((self.vault_a, self.vault_b), decode_token_account) | dict(self._extra_decoders())
        return {pubkey: AccountReading(decode) for pubkey, decode in decoders.items()}

    def _decoder(self, pubkey: Pubkey) -> Decoder:
        if pubkey == self.vault_a:
            return partial(self._decode_vault, mint=self.mint_a, other=self.mint_b)
        if pubkey == self.vault_b:
            return partial(self._decode_vault, mint=self.mint_b, other=self.mint_a)
        return super()._decoder(pubkey)

    def _decode_vault(self, pubkey: Pubkey, account: Account, *, mint: Pubkey, other: Pubkey) -> TokenAccount:
        """Refuse a vault of the pool's other token, and one that came to hold another than its own.

        At first any third token is taken: the program made the vaults, and the golden vectors rest on a derived pool
        whose account names another quote token than its vault (`pumpswap/synthetic_usdc_quote`).
        """
        new, before = decode_token_account(pubkey, account), self._book.value(pubkey, TokenAccount)
        if new.mint == other:
            raise CorruptAccount(pubkey, "token account.mint", f"is {new.mint}, not {mint}")
        if before is not None and new.mint not in (before.mint, mint):
            raise CorruptAccount(pubkey, "token account.mint", f"is {new.mint}, was {before.mint}")
        return new

    @property
    def _derived(self) -> CurveT | None:
        """The compact state; None while an account is missing."""
        if self._curve is None and not self._missing:
            self._curve = self._make_curve(self._own, self._book)
        return self._curve

    def _changed(self, pubkey: Pubkey) -> None:
        del pubkey
        self._curve = None

    def _check_open(self, clock: ChainClock) -> None:
        curve = self._derived
        assert curve is not None
        self._check_curve(curve, clock)

    def _ready(self, clock: ChainClock) -> CurveT:
        """Give the compact state if a swap is allowed now, else raise `NotTradable`."""
        self.check_tradable(clock)
        curve = self._derived
        assert curve is not None
        return curve

    def _held(self) -> CurveT:
        """Give the compact state, tradable or not; raise `NotTradable` while accounts are missing."""
        self._check_whole()
        curve = self._derived
        assert curve is not None
        return curve

    def _vault_amount(self, pubkey: Pubkey) -> int:
        return self._book.held(pubkey, TokenAccount).amount

    def _check_amount(self, amount: int) -> None:
        if amount < 1:
            raise AmountTooSmall(self.address, "the amount is zero")
        self._check_u64(amount, "amount")

    def _check_u64(self, amount: int, name: str) -> None:
        if amount > U64_MAX:
            raise AmountOverflow(self.address, f"the {name} does not fit 64 bits")

    def _moved(self, direction: Direction, *, received: int, sent: int) -> VaultBalances:
        """Give the balances after the vaults received and sent."""
        a, b = self._vault_amount(self.vault_a), self._vault_amount(self.vault_b)
        if direction is Direction.A_TO_B:
            return VaultBalances(a + received, b - sent)
        return VaultBalances(a - sent, b + received)

    def spot_price(self, clock: ChainClock) -> float:
        """See `Pool.spot_price`; it does not depend on time here."""
        del clock
        curve = self._held()
        return curve.reserve_b / curve.reserve_a if curve.reserve_a > 0 and curve.reserve_b > 0 else 0.0

    def ladder_by_swaps(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        """Give what `ladder` must give, one `swap` at a time: the specification of the compiled ladders."""
        self.check_tradable(clock)
        return [self._out_or_zero(direction, amount_in, clock) for amount_in in amounts_in]

    def _out_or_zero(self, direction: Direction, amount_in: int, clock: ChainClock) -> int:
        try:
            return self.swap(direction, SwapMode.EXACT_IN, amount_in, clock).amount_out
        except MarketError:
            return 0

    def write_swap(self, swap: Swap) -> Mapping[Pubkey, bytes]:
        """See `Pool.write_swap`.

        Raises:
            OverflowError: A vault's new balance does not fit 64 bits; a mint's supply rules that out on chain.
        """
        assert isinstance(swap.next_state, VaultsAfter)
        balances = swap.next_state.balances
        written = {
            self.vault_a: with_token_amount(self._book.data(self.vault_a), balances.a),
            self.vault_b: with_token_amount(self._book.data(self.vault_b), balances.b),
        }
        own_data = self._own_data_after(swap)
        if own_data is not None:
            written[self.address] = own_data
        return written
