"""What the concentrated-liquidity DEXes share: two mints, two vaults, and a walk priced without looking at the vaults.

A `ConcentratedPool` keeps mints and vaults, takes Token-2022 transfer fees off both ends of the walk, and refuses what
the vault cannot pay. A DEX adds its accounts, its walk and its refusals.
"""

from abc import abstractmethod
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from quote_core.dex import spl_token
from quote_core.dex.pool import Account, AccountNeed, ChainClock, Direction, Pool, Swap, SwapMode
from quote_core.errors import AmountOverflow, AmountTooSmall, NotTradable, ReserveShort
from quote_core.units import U64_MAX, Pubkey

__all__ = ["ConcentratedPool", "PricedWalk", "WalkDone"]


class PricedWalk(Protocol):
    """What the vaults see of a walk, in smallest units; the DEX's own result has more."""

    @property
    def amount_in(self) -> int:
        """Received by the input vault."""
        ...

    @property
    def amount_out(self) -> int:
        """Due to the trader, before the output mint's transfer fee."""
        ...

    @property
    def fee_amount(self) -> int:
        """All trading fees, in units of the fee's token."""
        ...

    @property
    def crossed_count(self) -> int:
        """Initialised ticks crossed, or bins traded in."""
        ...


@dataclass(frozen=True, slots=True)
class WalkDone:
    """The next state of a swap: the walk, and what it was asked."""

    walk: Any
    a_to_b: bool
    clock: ChainClock


class ConcentratedPool(Pool):
    """A pool whose price lies in its own account and whose vaults only hold what is paid."""

    refuses_zero_output: ClassVar[bool] = True

    vault_a: Pubkey
    vault_b: Pubkey

    def __init__(self, address: Pubkey, account: Account) -> None:
        self.address = address
        self._mints: dict[Pubkey, spl_token.Mint] = {}
        self._vaults: dict[Pubkey, bytes] = {}
        self._closed = False
        self._take_own(account)

    @abstractmethod
    def _take_own(self, account: Account) -> None:
        """Decode the pool's own account and set mints and vaults."""

    @abstractmethod
    def _apply_other(self, pubkey: Pubkey, account: Account | None) -> None:
        """Take an account that is neither the pool's own, nor a mint, nor a vault."""

    @abstractmethod
    def _check_open(self, clock: ChainClock) -> None:
        """Refuse a pool the program would not swap in now."""

    @abstractmethod
    def _walk(self, amount: int, clock: ChainClock, *, a_to_b: bool, exact_in: bool) -> PricedWalk:
        """Price what reaches the pool; translate the DEX's own refusals."""

    @abstractmethod
    def _accounts_after(self, done: WalkDone) -> Mapping[Pubkey, bytes]:
        """Give the data of the DEX's own accounts as the walk leaves them."""

    @abstractmethod
    def _keep_arrays(self, needed: frozenset[Pubkey]) -> None:
        """Drop tick or bin arrays that are needed no more: nobody tells of their changes, so they grow old unseen."""

    @abstractmethod
    def _forget_derived(self) -> None:
        """Drop what was built from accounts; one of them has changed."""

    def _fee_mint(self, mint_in: Pubkey) -> Pubkey:
        return mint_in

    def _token_needs(self) -> list[AccountNeed]:
        mints = [AccountNeed(mint) for mint in (self.mint_a, self.mint_b)]
        return mints + [AccountNeed(vault, required=False) for vault in (self.vault_a, self.vault_b)]

    def apply(self, pubkey: Pubkey, account: Account | None) -> None:
        """See `Pool.apply`."""
        if pubkey == self.address:
            if account is not None:
                self._take_own(account)
                self._keep_arrays(frozenset(need.pubkey for need in self.accounts_needed()))
            self._closed = account is None
        elif pubkey in (self.mint_a, self.mint_b):
            if account is None:
                self._mints.pop(pubkey, None)
            else:
                self._mints[pubkey] = spl_token.decode_mint(pubkey, account)
        elif pubkey in (self.vault_a, self.vault_b):
            if account is None:
                self._vaults.pop(pubkey, None)
            else:
                mint = self.mint_a if pubkey == self.vault_a else self.mint_b
                spl_token.decode_token_account(pubkey, account, mint=mint)
                self._vaults[pubkey] = account.data
        else:
            self._apply_other(pubkey, account)
        self._forget_derived()

    def missing(self) -> Sequence[Pubkey]:
        """See `Pool.missing`."""
        return [mint for mint in (self.mint_a, self.mint_b) if mint not in self._mints]

    def check_tradable(self, clock: ChainClock) -> None:
        """See `Pool.check_tradable`."""
        if self._closed:
            raise NotTradable(self.address, "the pool account is gone")
        self._check_open(clock)
        if self.missing():
            raise NotTradable(self.address, f"account {self.missing()[0]} is not loaded")

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """See `Pool.swap`. `fee_amount` leaves transfer fees out."""
        self.check_tradable(clock)
        a_to_b, exact_in = direction is Direction.A_TO_B, mode is SwapMode.EXACT_IN
        mint_in, mint_out = (self.mint_a, self.mint_b) if a_to_b else (self.mint_b, self.mint_a)
        fee_in = self._mints[mint_in].transfer_fee_at(clock.epoch)
        fee_out = self._mints[mint_out].transfer_fee_at(clock.epoch)
        specified = amount - fee_in.on_amount(amount) if exact_in else amount + fee_out.for_net(amount)
        if amount == 0 or specified == 0:
            raise AmountTooSmall(self.address, "nothing is left to swap")
        walk = self._walk(specified, clock, a_to_b=a_to_b, exact_in=exact_in)
        # An exact input may end at the edge of the price range: then less goes in than was offered.
        all_used = exact_in and walk.amount_in == specified
        amount_in = amount if all_used else walk.amount_in + fee_in.for_net(walk.amount_in)
        amount_out = walk.amount_out - fee_out.on_amount(walk.amount_out)
        if self.refuses_zero_output and (amount_out == 0 or walk.amount_in == 0):
            raise AmountTooSmall(self.address, "the program refuses zero input or output")
        if amount_in > U64_MAX:
            raise AmountOverflow(self.address, "the input does not fit in 64 bits")
        self._check_reserve(self.vault_b if a_to_b else self.vault_a, walk.amount_out)
        return Swap(
            direction=direction,
            mode=mode,
            amount_in=amount_in,
            amount_out=amount_out,
            fee_amount=walk.fee_amount,
            fee_mint=self._fee_mint(mint_in),
            crossed_count=walk.crossed_count,
            next_state=WalkDone(walk, a_to_b, clock),
        )

    def _check_reserve(self, vault: Pubkey, amount_out: int) -> None:
        if vault in self._vaults:
            held = spl_token.token_amount(self._vaults[vault])
            if amount_out > held:
                raise ReserveShort(self.address, amount_out, held)

    def ladder(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        """See `Pool.ladder`; the walk for all amounts is one, compiled."""
        self.check_tradable(clock)
        a_to_b = direction is Direction.A_TO_B
        mint_in, mint_out = (self.mint_a, self.mint_b) if a_to_b else (self.mint_b, self.mint_a)
        fee_in = self._mints[mint_in].transfer_fee_at(clock.epoch)
        fee_out = self._mints[mint_out].transfer_fee_at(clock.epoch)
        vault = self._vaults.get(self.vault_b if a_to_b else self.vault_a)
        amounts = array("Q", amounts_in if fee_in.is_zero else (sent - fee_in.on_amount(sent) for sent in amounts_in))
        vault_out = U64_MAX if vault is None else spl_token.token_amount(vault)
        outputs = self._walk_outputs(amounts, clock, a_to_b=a_to_b, vault_out=vault_out)
        return outputs if fee_out.is_zero else [output - fee_out.on_amount(output) for output in outputs]

    @abstractmethod
    def _walk_outputs(self, amounts: "array[int]", clock: ChainClock, *, a_to_b: bool, vault_out: int) -> Sequence[int]:
        """Price ascending exact inputs that reach the pool; 0 where refused, or where the vault holds less."""

    def write_swap(self, swap: Swap) -> Mapping[Pubkey, bytes]:
        """See `Pool.write_swap`; vaults that are not held are left out."""
        done: WalkDone = swap.next_state
        changed = dict(self._accounts_after(done))
        paid_in, paid_out = done.walk.amount_in, -done.walk.amount_out
        a_change, b_change = (paid_in, paid_out) if done.a_to_b else (paid_out, paid_in)
        for vault, change in ((self.vault_a, a_change), (self.vault_b, b_change)):
            if vault in self._vaults:
                data = self._vaults[vault]
                changed[vault] = spl_token.with_token_amount(data, spl_token.token_amount(data) + change)
        return changed
