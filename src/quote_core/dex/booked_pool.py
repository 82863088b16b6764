"""What all DEXes share: two mints, two vaults, one account book, and the refusals that are the tokens' own.

A `BookedPool` says how each account it rests on is read (`_readings`); this class takes the bytes in, whole or not at
all, names what is missing, and refuses what no DEX can pay: a pool or a required account that does not exist, a frozen
vault, a paused mint. What prices (`constant_product`, `concentrated`) builds on it.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from quote_core.dex.account_book import AccountBook, Decoder
from quote_core.dex.pool import HOLDS_FOR_EVER, NEVER, Account, AccountNeed, ChainClock, Direction, Pool, Pricing
from quote_core.dex.spl_token import (
    NO_TRANSFER_FEE,
    Mint,
    TokenAccount,
    TransferFee,
    with_balance_of,
)
from quote_core.errors import CorruptAccount, NotTradable
from quote_core.units import Pubkey

__all__ = ["AccountReading", "BookedPool", "OwnT", "PoolKeys"]

OwnT = TypeVar("OwnT")


@dataclass(frozen=True, slots=True)
class PoolKeys:
    """What makes a pool this pool; the program never changes any of it. `others` is the DEX's own further part."""

    mint_a: Pubkey
    mint_b: Pubkey
    vault_a: Pubkey
    vault_b: Pubkey
    others: tuple[object, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountReading:
    """How an account is read. `required`: without it nothing can be quoted; else it only widens what can."""

    decode: Decoder
    required: bool = True


class BookedPool(Pool, Generic[OwnT]):
    """A pool over an account book.

    `_own` is the pool account's value, kept while the account is closed, for it may be opened again. What a DEX makes
    of the book it makes when it is first asked for: a swap changes several accounts, and they come one by one.
    """

    vault_a: Pubkey
    vault_b: Pubkey

    _turns: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None = None
    """Slots, times and epochs at which time alone makes a difference; None while nobody has asked."""

    def __init__(self, address: Pubkey, account: Account) -> None:
        self.address = address
        book = AccountBook().with_account(address, account, self._decode_own)
        self._own: OwnT = book.held(address, object)  # type: ignore[assignment]
        self._keys = keys = self._keys_of(self._own)
        self.mint_a, self.mint_b = keys.mint_a, keys.mint_b
        self.vault_a, self.vault_b = keys.vault_a, keys.vault_b
        self._readings = self._make_readings()
        self.moved_together = frozenset(self._written_by_swaps())
        self._needs: tuple[Sequence[Pubkey], tuple[AccountNeed, ...]] | None = None
        self._halting = frozenset({self.mint_a, self.mint_b, self.vault_a, self.vault_b})
        self._book = book
        self._look_for_refusals()

    @abstractmethod
    def _decode_own(self, pubkey: Pubkey, account: Account) -> OwnT:
        """Read the pool's own account; raise `CorruptAccount` where it cannot be one."""

    @abstractmethod
    def _keys_of(self, own: OwnT) -> PoolKeys:
        """Give what must not change; `_make_readings` may depend on nothing else of the pool's account."""

    @abstractmethod
    def _make_readings(self) -> Mapping[Pubkey, AccountReading]:
        """Name the accounts the pool rests on whatever its state, in the order they are asked for."""

    @abstractmethod
    def _check_open(self, clock: ChainClock) -> None:
        """Raise `NotTradable` where the DEX's own rules refuse a swap; every required account is held."""

    def _turning_times(self) -> Iterable[int]:
        """Give the unix times at which the DEX's own rules come to price otherwise, or to refuse, or no longer."""
        return ()

    def _turning_slots(self) -> Iterable[int]:
        """Give the slots at which they do."""
        return ()

    def _written_by_swaps(self) -> Iterable[Pubkey]:
        """Name what every swap writes of that; a node tells of all that a transaction wrote, changed or not."""
        return self.address, self.vault_a, self.vault_b

    def stands_alone(self, pubkey: Pubkey, account: Account | None) -> bool:
        """See `Pool.stands_alone`."""
        del account
        return pubkey in self._readings and pubkey not in self.moved_together

    def _moving_needs(self) -> Sequence[Pubkey]:
        """Give the accounts needed that follow the state: tick and bin arrays, nearest first.

        The same object as long as they are the same.
        """
        return ()

    def _moving_decoder(self, pubkey: Pubkey) -> Decoder:
        """Give how an account of `_moving_needs` is read."""
        raise KeyError(pubkey)

    def _changed(self, pubkey: Pubkey) -> None:
        """Drop what was built from the book; `pubkey` has changed in it."""
        del pubkey

    def accounts_needed(self) -> Sequence[AccountNeed]:
        """See `Pool.accounts_needed`; the same object as long as they are the same."""
        moving = self._moving_needs()
        if self._needs is None or self._needs[0] is not moving:
            fixed = [AccountNeed(pubkey, reading.required) for pubkey, reading in self._readings.items()]
            self._needs = moving, (*fixed, *(AccountNeed(pubkey, required=False) for pubkey in moving))
        return self._needs[1]

    def missing(self) -> Sequence[Pubkey]:
        """See `Pool.missing`; a required account that does not exist is missing, too."""
        return self._missing

    def role_of(self, pubkey: Pubkey) -> str:
        """See `Pool.role_of`."""
        named = {self.address: "pool", self.vault_a: "vault A", self.vault_b: "vault B"}
        named |= {self.mint_a: "mint A", self.mint_b: "mint B"}
        return named.get(pubkey) or ("array" if pubkey in self._moving_needs() else "configuration")

    def apply(self, pubkey: Pubkey, account: Account | None) -> None:
        """See `Pool.apply`.

        Raises:
            CorruptAccount: The bytes cannot be what they should be; the book before is kept, whole.
            KeyError: The pool never asked for `pubkey`.
        """
        before = self._book
        balance = None
        if account is not None and pubkey in (self.vault_a, self.vault_b) and before.holds(pubkey):
            balance = with_balance_of(account, before.data(pubkey), before.held(pubkey, TokenAccount))
        if account is not None and balance is not None:
            self._book = before.with_value(pubkey, account.data, balance)  # nothing else can have changed
        else:
            self._take(pubkey, before.with_account(pubkey, account, self._decoder(pubkey)))
        self._changed(pubkey)

    def _take(self, pubkey: Pubkey, book: AccountBook) -> None:
        was_held, is_held = self._book.holds(pubkey), book.holds(pubkey)
        if pubkey == self.address and is_held:
            own: OwnT = book.held(pubkey, object)  # type: ignore[assignment]
            if self._keys_of(own) != self._keys:
                raise CorruptAccount(self.address, "mints and vaults", "changed, which the program never does")
            self._own = own
        self._book = book
        self._turns = None
        if not (was_held and is_held) or pubkey in self._halting:
            self._look_for_refusals()

    def _decoder(self, pubkey: Pubkey) -> Decoder:
        if pubkey == self.address:
            return self._decode_own
        reading = self._readings.get(pubkey)
        return reading.decode if reading is not None else self._moving_decoder(pubkey)

    def _look_for_refusals(self) -> None:
        """Look at what a price lacks, at what stops every transfer, and at what transfers cost."""
        book = self._book
        self._missing = [
            pubkey for pubkey, reading in self._readings.items() if reading.required and not book.holds(pubkey)
        ]
        self._gap = self._find_gap(book)
        self._refusal = self._gap or self._find_halt(book)
        mints = book.value(self.mint_a, Mint), book.value(self.mint_b, Mint)  # of classic ones some DEXes ask nothing
        self._fee_configs = [None if mint is None else mint.transfer_fee for mint in mints]

    def _find_gap(self, book: AccountBook) -> str | None:
        """Say what a price lacks, None where nothing."""
        if book.is_absent(self.address):
            return "the pool account does not exist any more"
        if not self._missing:
            return None
        absent = [pubkey for pubkey in self._missing if book.is_absent(pubkey)]
        if absent:
            return f"accounts that do not exist: {', '.join(absent)}"
        return f"accounts not loaded: {', '.join(self._missing)}"

    def _find_halt(self, book: AccountBook) -> str | None:
        """Say which token refuses to be moved: every swap moves both."""
        for vault in (self.vault_a, self.vault_b):
            if book.is_absent(vault):
                return f"vault {vault} does not exist"
            account = book.value(vault, TokenAccount)
            if account is not None and account.is_frozen:
                return f"vault {vault} is frozen"
        for pubkey in (self.mint_a, self.mint_b):
            mint = book.value(pubkey, Mint)
            if mint is not None and mint.is_paused:
                return f"mint {pubkey} is paused"
        return None

    def _transfer_fees(self, direction: Direction, clock: ChainClock) -> tuple[TransferFee, TransferFee]:
        """Give the transfer fees of the input and the output token in force at `clock`."""
        config_a, config_b = self._fee_configs
        if config_a is None and config_b is None:
            return NO_TRANSFER_FEE, NO_TRANSFER_FEE
        fee_a = NO_TRANSFER_FEE if config_a is None else config_a.at_epoch(clock.epoch)
        fee_b = NO_TRANSFER_FEE if config_b is None else config_b.at_epoch(clock.epoch)
        return (fee_a, fee_b) if direction is Direction.A_TO_B else (fee_b, fee_a)

    @abstractmethod
    def pricing(self, direction: Direction, clock: ChainClock) -> Pricing:
        """See `Pool.pricing`."""

    def ladder(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        """See `Pool.ladder`; an `array("Q")` of amounts is read in place."""
        return self.pricing(direction, clock)(amounts_in)

    def price_holds_until(self, clock: ChainClock) -> ChainClock:
        """See `Pool.price_holds_until`; transfer fees change with the epoch."""
        if self._turns is None:
            epochs = tuple(config.newer_epoch for config in self._fee_configs if config is not None)
            self._turns = tuple(self._turning_slots()), tuple(self._turning_times()), epochs
        slots, times, epochs = self._turns
        slot, time = _first_after(clock.slot, slots), _first_after(clock.unix_timestamp, times)
        epoch = _first_after(clock.epoch, epochs)
        if slot == time == epoch == NEVER:
            return HOLDS_FOR_EVER
        return ChainClock(slot, time, epoch)

    def _check_whole(self) -> None:
        """Raise `NotTradable` while an account that a price depends on is closed or missing."""
        if self._gap is not None:
            raise NotTradable(self.address, self._gap)

    def check_tradable(self, clock: ChainClock) -> None:
        """See `Pool.check_tradable`."""
        if self._refusal is not None:
            raise NotTradable(self.address, self._refusal)
        self._check_open(clock)


def _first_after(now: int, turns: Iterable[int]) -> int:
    first = NEVER
    for turn in turns:
        if now < turn < first:
            first = turn
    return first
