"""What the constant-product DEXes share: two vaults, x * y = k, and the bookkeeping of accounts.

A `VaultPool` keeps the newest bytes of each account it asked for and what they decode to; when all are there it makes
its `curve`, the compact state that every quote reads. A DEX adds its layout, its fees and its refusals.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from quote_core.dex.fixed_point import mul_div_ceil, mul_div_floor
from quote_core.dex.pool import Account, AccountNeed, ChainClock, Direction, Pool, Swap, SwapMode
from quote_core.dex.spl_token import TokenAccount, decode_token_account, with_token_amount
from quote_core.errors import AmountOverflow, AmountTooSmall, CorruptAccount, MarketError, NotTradable
from quote_core.units import U64_MAX, Pubkey

__all__ = [
    "Decoder",
    "VaultBalances",
    "VaultPool",
    "curve_in_ceil",
    "curve_out_floor",
    "curve_price",
]

Decoder = Callable[[Pubkey, Account], object]
CurveT = TypeVar("CurveT")


def curve_out_floor(reserve_in: int, reserve_out: int, amount_in: int) -> int:
    """Give what `amount_in`, fees already off, buys at constant product, rounded down. `reserve_in` is above zero."""
    return mul_div_floor(reserve_out, amount_in, reserve_in + amount_in)


def curve_in_ceil(reserve_in: int, reserve_out: int, amount_out: int) -> int:
    """Give what `amount_out` costs at constant product before fees, rounded up. `amount_out` < `reserve_out`."""
    return mul_div_ceil(reserve_in, amount_out, reserve_out - amount_out)


def curve_price(reserve_a: int, reserve_b: int) -> float:
    """Give the marginal price of A in B before fees; zero while either reserve is not above zero."""
    return reserve_b / reserve_a if reserve_a > 0 and reserve_b > 0 else 0.0


@dataclass(frozen=True, slots=True)
class VaultBalances:
    """The two vaults' balances after a swap."""

    a: int
    b: int


class VaultPool(Pool, Generic[CurveT]):
    """A pool priced from the balances of its two vaults and some other accounts, all of them required."""

    vault_a: Pubkey
    vault_b: Pubkey

    def __init__(self, address: Pubkey, account: Account) -> None:
        self.address = address
        self._closed = False
        self._frozen = False
        self._curve: CurveT | None = None
        self._take_own(account)
        self._own_data = account.data
        self._data: dict[Pubkey, bytes] = {}
        self._values: dict[Pubkey, object] = {}
        self._decoders: dict[Pubkey, Decoder] = {
            # not held to the pool's mints: the program made the vaults, and synthetic recordings swap mints
            self.vault_a: decode_token_account,
            self.vault_b: decode_token_account,
            **self._extra_decoders(),
        }

    @abstractmethod
    def _take_own(self, account: Account) -> None:
        """Decode the pool's own account and set mints and vaults from it; keep the state before on error."""

    @abstractmethod
    def _extra_decoders(self) -> Mapping[Pubkey, Decoder]:
        """Name the accounts needed besides the vaults, with how each is read."""

    @abstractmethod
    def _make_curve(self) -> CurveT:
        """Put the compact state together; every needed account is held. Never raises."""

    @abstractmethod
    def _check_open(self, curve: CurveT, clock: ChainClock) -> None:
        """Raise `NotTradable` where the DEX's own rules refuse a swap."""

    @abstractmethod
    def _own_data_after(self, swap: Swap) -> bytes | None:
        """Give the pool account's data after `swap`; None where the swap leaves it alone."""

    @abstractmethod
    def _balances_after(self, swap: Swap) -> VaultBalances:
        """Give the vault balances `swap` leaves."""

    def accounts_needed(self) -> Sequence[AccountNeed]:
        """See `Pool.accounts_needed`: the vaults, then what the DEX's fees depend on."""
        return [AccountNeed(pubkey) for pubkey in self._decoders]

    def missing(self) -> Sequence[Pubkey]:
        """See `Pool.missing`."""
        return [pubkey for pubkey in self._decoders if pubkey not in self._values]

    def apply(self, pubkey: Pubkey, account: Account | None) -> None:
        """See `Pool.apply`.

        Raises:
            CorruptAccount: The bytes cannot be what they should be.
            KeyError: The pool never asked for `pubkey`.
        """
        if pubkey == self.address:
            self._apply_own(account)
        elif account is None:
            self._forget(pubkey)
        else:
            value = self._decoders[pubkey](pubkey, account)
            if isinstance(value, TokenAccount):
                self._check_mint(pubkey, value)
            self._values[pubkey] = value
            self._data[pubkey] = account.data
        self._refresh()

    def _check_mint(self, vault: Pubkey, new: TokenAccount) -> None:
        """Refuse a vault that came to hold another token, unless it came to hold the pool's own."""
        before = self._values.get(vault)
        pool_mint = self.mint_a if vault == self.vault_a else self.mint_b
        if isinstance(before, TokenAccount) and new.mint not in (before.mint, pool_mint):
            raise CorruptAccount(vault, "token account.mint", f"is {new.mint}, was {before.mint}")

    def _refresh(self) -> None:
        if self.missing():
            self._curve = None
            return
        self._frozen = self._vault(self.vault_a).is_frozen or self._vault(self.vault_b).is_frozen
        self._curve = self._make_curve()

    def _apply_own(self, account: Account | None) -> None:
        self._closed = account is None
        if account is None:
            return
        identity = self._identity()
        self._take_own(account)
        if self._identity() != identity:
            self._take_own(Account(account.owner, self._own_data))
            raise CorruptAccount(self.address, "mints and vaults", "changed, which the program never does")
        self._own_data = account.data

    def _identity(self) -> tuple[Pubkey, ...]:
        return self.mint_a, self.mint_b, self.vault_a, self.vault_b

    def _forget(self, pubkey: Pubkey) -> None:
        if pubkey not in self._decoders:
            raise KeyError(pubkey)
        self._values.pop(pubkey, None)
        self._data.pop(pubkey, None)

    def check_tradable(self, clock: ChainClock) -> None:
        """See `Pool.check_tradable`."""
        self._ready(clock)

    def _ready(self, clock: ChainClock) -> CurveT:
        """Give the compact state if a swap is allowed now, else raise `NotTradable`."""
        curve = self._held()
        if self._frozen:
            raise NotTradable(self.address, "a vault is frozen")
        self._check_open(curve, clock)
        return curve

    def _held(self) -> CurveT:
        """Give the compact state, tradable or not; raise `NotTradable` while accounts are missing."""
        if self._closed:
            raise NotTradable(self.address, "the pool account does not exist any more")
        if self._curve is None:
            raise NotTradable(self.address, f"accounts not loaded: {', '.join(self.missing())}")
        return self._curve

    def _vault(self, pubkey: Pubkey) -> TokenAccount:
        vault = self._values[pubkey]
        assert isinstance(vault, TokenAccount)
        return vault

    def _check_amount(self, amount: int) -> None:
        if amount < 1:
            raise AmountTooSmall(self.address, "the amount is zero")
        self._check_u64(amount, "amount")

    def _check_u64(self, amount: int, name: str) -> None:
        if amount > U64_MAX:
            raise AmountOverflow(self.address, f"the {name} does not fit 64 bits")

    def _moved(self, direction: Direction, *, received: int, sent: int) -> VaultBalances:
        """Give the balances after the vaults received and sent."""
        a, b = self._vault(self.vault_a).amount, self._vault(self.vault_b).amount
        if direction is Direction.A_TO_B:
            return VaultBalances(a + received, b - sent)
        return VaultBalances(a - sent, b + received)

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
        balances = self._balances_after(swap)
        written = {
            self.vault_a: with_token_amount(self._data[self.vault_a], balances.a),
            self.vault_b: with_token_amount(self._data[self.vault_b], balances.b),
        }
        own_data = self._own_data_after(swap)
        if own_data is not None:
            written[self.address] = own_data
        return written
