"""What the concentrated-liquidity DEXes share: two mints, two vaults, and a walk priced without looking at the vaults.

A `ConcentratedPool` takes Token-2022 transfer fees off both ends of the walk, and refuses what
the vault cannot pay. A DEX adds its accounts, its walk and its refusals.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from quote_core.dex.account_book import AccountBook
from quote_core.dex.booked_pool import AccountReading, BookedPool, OwnT
from quote_core.dex.pool import Account, ChainClock, Direction, Swap, SwapMode
from quote_core.dex.spl_token import TokenAccount, decode_mint, with_token_amount
from quote_core.dex.walk import MathOverflow, TooManySteps
from quote_core.errors import AmountOverflow, AmountTooSmall, NoLiquidity, ReserveShort
from quote_core.units import U64_MAX, Pubkey

__all__ = ["ARRAYS_EACH_WAY_MAX", "BitmapPool", "ConcentratedPool", "PricedWalk", "WalkDone"]

StateT = TypeVar("StateT")
LadderT = TypeVar("LadderT")

ARRAYS_EACH_WAY_MAX: Final = 32
"""How many arrays a pool asks for on one side at most; a transaction names 64 accounts, and pays for fewer arrays."""


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


class ConcentratedPool(BookedPool[OwnT, None], Generic[OwnT, StateT, LadderT]):
    """A pool whose price lies in its own account and whose vaults only hold what is paid.

    What walks read, `StateT`, and what the compiled ladders read are built once per change, when first asked for.
    """

    refuses_zero_output: ClassVar[bool] = True
    ladder_serves_both_ways: ClassVar[bool] = False

    _array_keys: frozenset[Pubkey] = frozenset()
    """What `_moving_needs` gave when something it follows last changed."""

    def __init__(self, address: Pubkey, account: Account) -> None:
        self._state: StateT | None = None
        self._ladders: dict[bool, LadderT] = {}
        super().__init__(address, account)

    @abstractmethod
    def _make_state(self) -> StateT:
        """Put together what a walk reads; every required account is held."""

    @abstractmethod
    def _make_ladder(self, state: StateT, *, a_to_b: bool) -> LadderT:
        """Lay a state out for the compiled walk."""

    @abstractmethod
    def _walk(self, amount: int, clock: ChainClock, *, a_to_b: bool, exact_in: bool) -> PricedWalk:
        """Price what reaches the pool; translate the DEX's own refusals, not those of `quote_core.dex.walk`."""

    @abstractmethod
    def _ladder_outputs(
        self, ladder: LadderT, amounts: Sequence[int], clock: ChainClock, *, a_to_b: bool, vault_out: int
    ) -> Sequence[int]:
        """Price ascending exact inputs that reach the pool; 0 where refused, or where the vault holds less."""

    @abstractmethod
    def _accounts_after(self, done: WalkDone) -> Mapping[Pubkey, bytes]:
        """Give the data of the DEX's own accounts as the walk leaves them."""

    @abstractmethod
    def _spot_price(self) -> float:
        """Give the price of the pool's own account, B per A."""

    def spot_price(self, clock: ChainClock) -> float:
        """See `Pool.spot_price`; it does not depend on time here."""
        del clock
        self._check_whole()
        return self._spot_price()

    def _held_state(self) -> StateT:
        if self._state is None:
            self._state = self._make_state()
        return self._state

    def _forget_derived(self) -> None:
        """Drop what was built from accounts; one of them has changed."""
        self._state = None
        self._ladders.clear()

    def _fee_mint(self, mint_in: Pubkey) -> Pubkey:
        return mint_in

    def _token_readings(self) -> dict[Pubkey, AccountReading]:
        """The mints, and the vaults: without them a price is known, only not whether it can be paid."""
        vaults = {self.vault_a: self.mint_a, self.vault_b: self.mint_b}
        return {
            **dict.fromkeys((self.mint_a, self.mint_b), AccountReading(decode_mint)),
            **{vault: AccountReading(self._vault_decoder(mint), required=False) for vault, mint in vaults.items()},
        }

    def _derive(self, own: OwnT, book: AccountBook) -> None:
        """Nothing: the walk's state is built when it is first asked for, as most changes are followed by others."""

    def _changed(self, pubkey: Pubkey) -> None:
        if pubkey in (self.mint_a, self.mint_b, self.vault_a, self.vault_b):
            return  # no walk reads them: what they refuse or take off is looked at apart
        self._forget_derived()
        if pubkey not in self._array_keys:
            # Nobody tells of the changes of arrays that are needed no more: they would grow old unseen.
            self._array_keys = frozenset(self._moving_needs())
            self._book = self._book.keeping({self.address, *self._readings, *self._array_keys})

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """See `Pool.swap`. `fee_amount` leaves transfer fees out."""
        self.check_tradable(clock)
        a_to_b, exact_in = direction is Direction.A_TO_B, mode is SwapMode.EXACT_IN
        fee_in, fee_out = self._transfer_fees(direction, clock)
        specified = fee_in.net(amount) if exact_in else amount + fee_out.for_net(amount)
        if amount == 0 or specified == 0:
            raise AmountTooSmall(self.address, "nothing is left to swap")
        try:
            walk = self._walk(specified, clock, a_to_b=a_to_b, exact_in=exact_in)
        except TooManySteps:
            raise NoLiquidity(self.address, "the walk is longer than a transaction can pay for") from None
        except MathOverflow as overflow:
            raise AmountOverflow(self.address, f"the program's arithmetic overflows: {overflow}") from None
        # An exact input may end at the edge of the price range: then less goes in than was offered.
        all_used = exact_in and walk.amount_in == specified
        amount_in = amount if all_used else walk.amount_in + fee_in.for_net(walk.amount_in)
        amount_out = fee_out.net(walk.amount_out)
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
            fee_mint=self._fee_mint(self.mint_a if a_to_b else self.mint_b),
            crossed_count=walk.crossed_count,
            next_state=WalkDone(walk, a_to_b, clock),
        )

    def _check_reserve(self, vault: Pubkey, amount_out: int) -> None:
        held = self._book.value(vault, TokenAccount)
        if held is not None and amount_out > held.amount:
            raise ReserveShort(self.address, amount_out, held.amount)

    def ladder(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        """See `Pool.ladder`; the walk for all amounts is one, compiled."""
        self.check_tradable(clock)
        a_to_b = direction is Direction.A_TO_B
        fee_in, fee_out = self._transfer_fees(direction, clock)
        vault = self._book.value(self.vault_b if a_to_b else self.vault_a, TokenAccount)
        amounts = amounts_in if fee_in.is_zero else [fee_in.net(sent) for sent in amounts_in]
        vault_out = U64_MAX if vault is None else vault.amount
        ladder = self._ladders.get(a_to_b) or self._lay_out(a_to_b=a_to_b)
        outputs = self._ladder_outputs(ladder, amounts, clock, a_to_b=a_to_b, vault_out=vault_out)
        return outputs if fee_out.is_zero else [fee_out.net(output) for output in outputs]

    def _lay_out(self, *, a_to_b: bool) -> LadderT:
        ladder = self._make_ladder(self._held_state(), a_to_b=a_to_b)
        for direction in (True, False) if self.ladder_serves_both_ways else (a_to_b,):
            self._ladders[direction] = ladder
        return ladder

    def write_swap(self, swap: Swap) -> Mapping[Pubkey, bytes]:
        """See `Pool.write_swap`; vaults that are not held are left out."""
        done: WalkDone = swap.next_state
        changed = dict(self._accounts_after(done))
        paid_in, paid_out = done.walk.amount_in, -done.walk.amount_out
        a_change, b_change = (paid_in, paid_out) if done.a_to_b else (paid_out, paid_in)
        for vault, change in ((self.vault_a, a_change), (self.vault_b, b_change)):
            held = self._book.value(vault, TokenAccount)
            if held is not None:
                changed[vault] = with_token_amount(self._book.data(vault), held.amount + change)
        return changed


class BitmapPool(ConcentratedPool[OwnT, StateT, LadderT], Generic[OwnT, StateT, LadderT]):
    """A pool whose bitmaps say which tick or bin arrays hold liquidity.

    It asks for the arrays nearest to the price first, and for one more in a direction whenever an amount ran out of
    those held there: a walk goes as far as the amounts need, and the arrays follow it.
    """

    arrays_each_way_at_first: ClassVar[int]
    """How many arrays are asked for on each side before any amount is known, the current one counted on both."""

    def __init__(self, address: Pubkey, account: Account) -> None:
        self._found_of: object = None
        self._found: dict[bool, tuple[list[Pubkey], Iterator[Pubkey]]] = {}
        self._reach = dict.fromkeys((True, False), self.arrays_each_way_at_first)
        super().__init__(address, account)

    @abstractmethod
    def _search_arrays(self, *, downwards: bool) -> Iterator[Pubkey]:
        """Give the arrays the bitmaps name, from the current one outwards."""

    @abstractmethod
    def _searched_from(self) -> object:
        """Give what `_search_arrays` depends on: the bitmaps, and the current array."""

    def _arrays_from_price(self, *, downwards: bool) -> Iterator[Pubkey]:
        """Give what `_search_arrays` gives; what it has given is not searched again until it would give others."""
        key = self._searched_from()
        if key != self._found_of:
            self._found_of = key
            self._found = {down: ([], self._search_arrays(downwards=down)) for down in (True, False)}
        found, further = self._found[downwards]
        yield from found
        for address in further:
            found.append(address)
            yield address

    def _moving_needs(self) -> Iterable[Pubkey]:
        sides = (islice(self._arrays_from_price(downwards=down), reach) for down, reach in self._reach.items())
        return dict.fromkeys(address for side in sides for address in side)

    def _reach_further(self, *, downwards: bool) -> None:
        """An amount ran out of arrays: ask for the nearest one that is not known, too."""
        count = 0
        for count, address in enumerate(self._arrays_from_price(downwards=downwards), start=1):
            if count == ARRAYS_EACH_WAY_MAX or not self._book.is_known(address):
                break
        self._reach[downwards] = max(self._reach[downwards], count)
