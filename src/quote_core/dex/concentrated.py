"""What the concentrated-liquidity DEXes share: two mints, two vaults, and a walk priced without looking at the vaults.

A `ConcentratedPool` takes Token-2022 transfer fees off both ends of the walk, and refuses what
the vault cannot pay. A DEX adds its accounts, its walk and its refusals.
"""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from quote_core.dex.booked_pool import AccountReading, BookedPool, OwnT
from quote_core.dex.pool import Account, ChainClock, Direction, Pricing, Swap, SwapMode, SwapStep
from quote_core.dex.spl_token import TokenAccount, decode_mint, decode_token_account, with_token_amount
from quote_core.dex.walk import MathOverflow, TooManySteps, WalkPiece
from quote_core.errors import AmountOverflow, AmountTooSmall, CorruptAccount, NoLiquidity, ReserveShort
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


class ConcentratedPool(BookedPool[OwnT], Generic[OwnT, StateT, LadderT]):
    """A pool whose price lies in its own account and whose vaults only hold what is paid.

    What walks read, `StateT`, and what the compiled ladders read are built once per change, when first asked for.
    """

    refuses_zero_output: ClassVar[bool] = True
    ladder_serves_both_ways: ClassVar[bool] = False

    _arrays: Sequence[Pubkey] = ()
    """What `_moving_needs` gave when something it follows last changed."""

    def __init__(self, address: Pubkey, account: Account) -> None:
        self._state: StateT | None = None
        self._ladders: dict[bool, LadderT] = {}
        super().__init__(address, account)

    @abstractmethod
    def _make_state(self) -> StateT:
        """Put together what a walk reads; every required account is held."""

    @abstractmethod
    def _make_ladder(self, *, a_to_b: bool) -> LadderT:
        """Lay the accounts held out for the compiled walk."""

    @abstractmethod
    def _walk(self, amount: int, clock: ChainClock, *, a_to_b: bool, exact_in: bool) -> PricedWalk:
        """Price what reaches the pool; translate the DEX's own refusals, not those of `quote_core.dex.walk`."""

    @abstractmethod
    def _ladder_pricing(self, ladder: LadderT, clock: ChainClock, *, a_to_b: bool, vault_out: int) -> Pricing:
        """Give what prices ascending exact inputs that reach the pool; 0 where refused, or the vault holds less."""

    @abstractmethod
    def _accounts_after(self, done: WalkDone) -> Mapping[Pubkey, bytes]:
        """Give the data of the DEX's own accounts as the walk leaves them."""

    @abstractmethod
    def _spot_price(self) -> float:
        """Give the price of the pool's own account, B per A."""

    @abstractmethod
    def _explains_walk(self, own_data: bytes, arrays: Mapping[Pubkey, bytes]) -> bool:
        """Whether swaps alone lead from what is held to the pool's new bytes, and changed no arrays but these."""

    def stands_alone(self, pubkey: Pubkey, account: Account | None) -> bool:
        """See `Pool.stands_alone`: an array does as long as it reads as it did, whatever fees have grown in it."""
        if pubkey in self._readings or pubkey in self.moved_together:
            return super().stands_alone(pubkey, account)
        if account is None or not self._book.holds(pubkey):
            return False
        try:
            value = self._moving_decoder(pubkey)(pubkey, account)
        except CorruptAccount:
            return False
        return bool(value == self._book.value(pubkey, object))

    def explains(self, changes: Mapping[Pubkey, Account | None]) -> bool:
        """See `Pool.explains`."""
        data = {pubkey: account.data for pubkey, account in changes.items() if account is not None}
        own_data = data.pop(self.address, None)
        if len(data) + (own_data is not None) < len(changes) or self._gap is not None:
            return False  # something is no more, or not held yet
        arrays = {pubkey: array for pubkey, array in data.items() if pubkey not in self.moved_together}
        if own_data is None:
            return False  # nobody walked: tokens came or went, perhaps to where the price is not now
        held_size = len(self._book.data(self.address))
        return len(own_data) == held_size and self._explains_walk(own_data, arrays)

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
            **{
                vault: AccountReading(partial(decode_token_account, mint=mint), required=False)
                for vault, mint in vaults.items()
            },
        }

    def _changed(self, pubkey: Pubkey) -> None:
        if pubkey in self._halting:
            return  # no walk reads them: what they refuse or take off is looked at apart
        self._forget_derived()
        before, self._arrays = self._arrays, self._moving_needs()
        if self._arrays is not before or not (pubkey == self.address or pubkey in self._readings):
            # Nobody tells of the changes of arrays that are needed no more: they would grow old unseen.
            self._book = self._book.keeping({self.address, *self._readings, *self._arrays})

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

    def pricing(self, direction: Direction, clock: ChainClock) -> Pricing:
        """See `Pool.pricing`; the walk for all amounts is one, compiled."""
        self.check_tradable(clock)
        a_to_b = direction is Direction.A_TO_B
        fee_in, fee_out = self._transfer_fees(direction, clock)
        vault = self._book.value(self.vault_b if a_to_b else self.vault_a, TokenAccount)
        vault_out = U64_MAX if vault is None else vault.amount
        ladder = self._ladders.get(a_to_b) or self._lay_out(a_to_b=a_to_b)
        walked = self._ladder_pricing(ladder, clock, a_to_b=a_to_b, vault_out=vault_out)
        if fee_in.is_zero and fee_out.is_zero:
            return walked

        def behind_transfer_fees(amounts_in: Sequence[int]) -> Sequence[int]:
            return [fee_out.net(output) for output in walked([fee_in.net(sent) for sent in amounts_in])]

        return behind_transfer_fees

    def arithmetic(self, swap: Swap, clock: ChainClock) -> Sequence[SwapStep]:
        """See `Pool.arithmetic`: what the transfer fees take, and every piece of the walk."""
        done: WalkDone = swap.next_state
        exact_in = swap.mode is SwapMode.EXACT_IN
        pieces: Sequence[WalkPiece] = done.walk.pieces
        fee_in, fee_out = self._transfer_fees(swap.direction, clock)
        steps = []
        if not fee_in.is_zero and exact_in:
            taken = fee_in.on_amount(swap.amount_in)
            steps.append(SwapStep("reaches the pool", f"{swap.amount_in} - {taken}", swap.amount_in - taken))
        if not fee_out.is_zero and not exact_in:
            steps.append(SwapStep("leaves the pool", f"{swap.amount_out} + transfer fee", done.walk.amount_out))
        for piece in pieces:
            given, brings = piece.amount_in, piece.amount_out
            told = f"in {given}, of it" if exact_in else f"out {brings},"
            way = f" at liquidity {piece.liquidity}" if piece.liquidity else ""
            how = f"{told} fee {piece.fee_amount}{way}"
            steps.append(SwapStep(self._place_text(piece), how, brings if exact_in else given))
        if exact_in:
            summed = " + ".join(str(piece.amount_out) for piece in pieces)
            steps.append(SwapStep("out of the pool", summed, done.walk.amount_out))
            if not fee_out.is_zero:
                how = f"{done.walk.amount_out} - {fee_out.on_amount(done.walk.amount_out)}"
                steps.append(SwapStep("output", how, swap.amount_out))
        else:
            summed = " + ".join(str(piece.amount_in) for piece in pieces)
            steps.append(SwapStep("into the pool", summed, done.walk.amount_in))
            if not fee_in.is_zero:
                how = f"{done.walk.amount_in} + {fee_in.for_net(done.walk.amount_in)}"
                steps.append(SwapStep("input", how, swap.amount_in))
        return steps

    def _place_text(self, piece: WalkPiece) -> str:
        """Say where a piece of a walk ended."""
        return f"to square root of price {piece.place}/2^64"

    def _lay_out(self, *, a_to_b: bool) -> LadderT:
        ladder = self._make_ladder(a_to_b=a_to_b)
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

    _extension_address: Pubkey

    arrays_each_way_at_first: ClassVar[int]
    """How many arrays are asked for on each side before any amount is known, the current one counted on both."""

    def __init__(self, address: Pubkey, account: Account) -> None:
        self._found_of: object = None
        self._found: dict[bool, tuple[list[Pubkey], Iterator[int]]] = {}
        self._reach = dict.fromkeys((True, False), self.arrays_each_way_at_first)
        self._needed_of: object = None
        self._needed: tuple[Pubkey, ...] = ()
        super().__init__(address, account)

    def stands_alone(self, pubkey: Pubkey, account: Account | None) -> bool:
        """See `Pool.stands_alone`: bitmaps change with the arrays they name."""
        return pubkey != self._extension_address and super().stands_alone(pubkey, account)

    @abstractmethod
    def _set_positions(self, *, downwards: bool) -> Iterable[int]:
        """Give the positions that the bitmaps name, from the current array's outwards."""

    @abstractmethod
    def _array_at(self, position: int) -> Pubkey:
        """Give the array of a position."""

    @abstractmethod
    def _searched_from(self) -> object:
        """Give what `_set_positions` depends on: the bitmaps, and the current array."""

    def _arrays_from_price(self, *, downwards: bool) -> Iterator[Pubkey]:
        """Give the arrays named, nearest first; what was given is not searched again until there would be others."""
        key = self._searched_from()
        if key != self._found_of:
            self._found_of = key
            self._found = {down: ([], iter(self._set_positions(downwards=down))) for down in (True, False)}
        found, further = self._found[downwards]
        yield from found
        for position in further:
            address = self._array_at(position)
            found.append(address)
            yield address

    def _moving_needs(self) -> Sequence[Pubkey]:
        key = self._searched_from(), *self._reach.values()
        if key != self._needed_of:
            sides = (islice(self._arrays_from_price(downwards=down), reach) for down, reach in self._reach.items())
            needed = tuple(dict.fromkeys(address for side in sides for address in side))
            self._needed_of = key
            self._needed = self._needed if needed == self._needed else needed
        return self._needed

    def sample(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        """See `Pool.sample`."""
        reach = self._reach.copy()
        try:
            return self.ladder(direction, amounts_in, clock)
        finally:
            self._reach = reach

    def _reach_further(self, *, downwards: bool) -> None:
        """An amount ran out of arrays: ask for the nearest one that is not known, too."""
        count = 0
        for count, address in enumerate(self._arrays_from_price(downwards=downwards), start=1):
            if count == ARRAYS_EACH_WAY_MAX or not self._book.is_known(address):
                break
        self._reach[downwards] = max(self._reach[downwards], count)
