"""The interface every DEX implements, and the values that cross it.

A `Pool` holds the accounts of one pool as bytes, decoded once per change; a quote is a pure read of that state. Time
is a parameter (`ChainClock`), never read here. Token A is the DEX's token A, 0, X, coin or base; token B the other.

Life: `decode_pool` (in `programs`) makes a pool from its own account; `accounts_needed` names what else it wants,
and grows as accounts arrive; `apply` hands one in. `swap` prices one swap and knows the next state; `ladder` prices
many amounts from the same state; `write_swap` gives the account bytes the program would leave behind.
"""

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from quote_core.units import Pubkey

__all__ = [
    "HOLDS_FOR_EVER",
    "NEVER",
    "Account",
    "AccountNeed",
    "ChainClock",
    "Dex",
    "Direction",
    "Pool",
    "Pricing",
    "Swap",
    "SwapMode",
    "SwapStep",
]

NEVER: Final = 1 << 64
"""A slot, a time and an epoch that the chain does not come to."""


Pricing = Callable[[Sequence[int]], Sequence[int]]
"""Outputs of ascending exact inputs, 0 where refused; see `Pool.ladder`."""


class Dex(enum.Enum):
    """The DEX programs known here; the value is `dex_id` in shared memory and never changes meaning."""

    RAYDIUM_AMM_V4 = 1
    RAYDIUM_CPMM = 2
    RAYDIUM_CLMM = 3
    ORCA_WHIRLPOOL = 4
    METEORA_DLMM = 5
    PUMPSWAP = 6

    @property
    def label(self) -> str:
        """The name in APIs and file names, e.g. `raydium_amm_v4`."""
        return self.name.lower()


class SwapMode(enum.Enum):
    """Which side of the swap is specified."""

    EXACT_IN = "exact_in"
    EXACT_OUT = "exact_out"


class Direction(enum.Enum):
    """Which token goes in."""

    A_TO_B = "a_to_b"
    B_TO_A = "b_to_a"

    __hash__ = object.__hash__  # an enum's own is written in Python, and directions are in many keys

    @property
    def reverse(self) -> "Direction":
        """The other direction."""
        return Direction.B_TO_A if self is Direction.A_TO_B else Direction.A_TO_B


@dataclass(frozen=True, slots=True)
class ChainClock:
    """The chain's own time, from the Clock sysvar: dynamic fees, activation and transfer fees depend on it."""

    slot: int
    unix_timestamp: int
    epoch: int


HOLDS_FOR_EVER: Final = ChainClock(NEVER, NEVER, NEVER)
"""Until when a price holds that no time turns; no pool need make another."""


@dataclass(frozen=True, slots=True)
class Account:
    """One account as the chain holds it. An account that does not exist on chain is `None`, not an empty one."""

    owner: Pubkey
    data: bytes
    lamports: int = 0


@dataclass(frozen=True, slots=True)
class AccountNeed:
    """An account a pool wants. `required`: without it nothing can be quoted; else it only widens what can."""

    pubkey: Pubkey
    required: bool = True


@dataclass(frozen=True, slots=True)
class Swap:
    """One priced swap.

    `amount_in` leaves and `amount_out` reaches the trader's token accounts, transfer fees included. `fee_amount` is
    all trading fees, in smallest units of `fee_mint`; where a DEX charges both sides it is the input side's.
    `crossed_count` is initialised ticks crossed, or bins traded; 0 on constant-product pools. `next_state` is the
    DEX's own record of what changes; only that DEX's `write_swap` reads it.
    """

    direction: Direction
    mode: SwapMode
    amount_in: int
    amount_out: int
    fee_amount: int
    fee_mint: Pubkey
    crossed_count: int
    next_state: Any


@dataclass(frozen=True, slots=True)
class SwapStep:
    """One line of a swap's arithmetic, for people: what is worked out, how, and what it comes to."""

    what: str
    how: str
    value: int


class Pool(ABC):
    """One pool. Not thread-safe; one event loop owns it."""

    dex: ClassVar[Dex]

    address: Pubkey
    mint_a: Pubkey
    mint_b: Pubkey
    vault_a: Pubkey
    vault_b: Pubkey

    @abstractmethod
    def accounts_needed(self) -> Sequence[AccountNeed]:
        """Name every account besides the pool's own, in a stable order.

        More may follow once some have arrived, and once an amount ran out of tick or bin arrays in `swap` or `ladder`.
        """

    def role_of(self, pubkey: Pubkey) -> str:
        """Say for people what an account is to the pool: pool, vault A, mint B, array, configuration."""
        return "pool" if pubkey == self.address else "account"

    @abstractmethod
    def apply(self, pubkey: Pubkey, account: Account | None) -> None:
        """Take the newest bytes of the pool's own account or of a needed one; `None` = does not exist on chain.

        An empty account of the system program does not exist either, whatever lamports lie there. On error the state
        before is kept, whole.

        Raises:
            CorruptAccount: Wrong owner, discriminator, size or an impossible value; names account and field.
        """

    moved_together: frozenset[Pubkey] = frozenset()
    """What every swap writes of the accounts a price rests on; empty where that is not known."""

    def stands_alone(self, pubkey: Pubkey, account: Account | None) -> bool:
        """Whether new bytes of an account leave the pool whole although nothing else of their transaction is known.

        So do those that no swap writes (mints, configurations), and those that change nothing a price rests on.
        """
        del pubkey, account
        return False

    def explains(self, changes: Mapping[Pubkey, Account | None]) -> bool:
        """Whether new bytes of accounts, told one by one, are all that their transactions changed.

        Args:
            changes: Of one slot; what is in `moved_together` and not here is held as of that slot.

        Returns:
            True only where what is held and the bytes prove it; False says no more than that they do not.
        """
        del changes
        return False

    @abstractmethod
    def missing(self) -> Sequence[Pubkey]:
        """Required accounts that are unknown or do not exist; empty when the pool can quote."""

    @abstractmethod
    def check_tradable(self, clock: ChainClock) -> None:
        """Pass when the program would accept a swap now.

        Raises:
            NotTradable: Closed, paused, not open yet, a frozen vault, a paused mint, or missing accounts; says which.
        """

    @abstractmethod
    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """Price one swap, equal to the on-chain program to the last unit.

        Args:
            direction: Which token goes in.
            mode: Whether `amount` is the input or the wanted output.
            amount: Smallest units, 0 .. 2**64 - 1; 0 is refused like on chain.
            clock: The chain's time the swap would execute at.

        Raises:
            NotTradable: See `check_tradable`.
            AmountTooSmall: Zero amount, or one that buys nothing.
            NoLiquidity: More than the pool holds.
            LiquidityNotLoaded: The walk leaves the tick or bin arrays held.
            ReserveShort, UndeterminedFill, AmountOverflow: As the program would refuse.
        """

    def arithmetic(self, swap: Swap, clock: ChainClock) -> Sequence[SwapStep]:
        """Show how a swap came about, line by line, for people; the last line is what the side not specified comes to.

        `swap` must have been priced at `clock` on the state held now.
        """
        del clock
        return (SwapStep("output", "", swap.amount_out),)

    @abstractmethod
    def write_swap(self, swap: Swap) -> Mapping[Pubkey, bytes]:
        """Give the new data of every account the swap changes; bytes not owned by the swap stay as they are.

        `swap` must have been priced on the state held now.
        """

    def pricing(self, direction: Direction, clock: ChainClock) -> Pricing:
        """Give `ladder` of one direction, time and state, for whoever has several: only as long as the state is held.

        Raises:
            NotTradable: See `check_tradable`.
        """
        return lambda amounts_in: self.ladder(direction, amounts_in, clock)

    def sample(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        """As `ladder`, of amounts that nobody has asked for: the pool asks for no further accounts because of them."""
        return self.ladder(direction, amounts_in, clock)

    @abstractmethod
    def ladder(self, direction: Direction, amounts_in: Sequence[int], clock: ChainClock) -> Sequence[int]:
        """Price many exact-in amounts from one state; element i is the output for `amounts_in[i]`, 0 if refused.

        Equal to `swap` for each amount. Amounts are ascending. Raises only what `check_tradable` raises.
        """

    @abstractmethod
    def price_holds_until(self, clock: ChainClock) -> ChainClock:
        """Say how far time alone changes nothing, from `clock` on: neither amounts nor refusals nor fees.

        They are the same at every later clock whose slot, time and epoch are each before those returned, while the
        accounts stay as they are. `NEVER` where one of the three turns nothing. It may be sooner than it need be.
        """

    @abstractmethod
    def spot_price(self, clock: ChainClock) -> float:
        """Marginal smallest units of B per smallest unit of A, before fees; for scores and display only.

        Zero while a reserve is empty. A paused pool has a price, too.

        Raises:
            NotTradable: The pool is closed, or an account it depends on is missing.
        """

    @abstractmethod
    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """The trading fee an infinitesimal swap pays now, as a fraction; for scores and display only.

        Raises:
            NotTradable: An account it depends on is missing, or was written after `clock`.
        """
