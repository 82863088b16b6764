"""A route priced from account bytes alone: what a quote rests on, and what it must come to. Pure.

Nothing of a running service is used: pools are opened from their accounts and asked by the readable swaps, never by the
compiled ladders. Parts of a route run one after the other, and a pool that a second swap goes through stands where the
first one left it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, Swap, SwapMode, SwapStep
from quote_core.dex.programs import decode_pool
from quote_core.errors import LiquidityNotLoaded, NotTradable
from quote_core.units import Pubkey

__all__ = ["AskedChain", "LoadedPool", "ReplayedSwap", "open_loaded", "replay_route"]

Accounts = Mapping[Pubkey, Account | None]
"""What is known, absent accounts as None; an account that is not named is unknown."""


class AskedChain(NamedTuple):
    """One part of a route: the pools in order, the mint and the amount that go into the first.

    With EXACT_OUT, which is of one pool alone, `amount` is the output that is wanted.
    """

    pool_ids: Sequence[Pubkey]
    input_mint: Pubkey
    amount: int
    mode: SwapMode = SwapMode.EXACT_IN


@dataclass(frozen=True, slots=True)
class ReplayedSwap:
    """One swap as the readable arithmetic has it; `net_price` is marginal output per input after the fee, before it.

    `pool` may have gone on to where a later swap found it. `steps` are there where they were asked for.
    """

    pool: Pool
    swap: Swap
    net_price: float
    leg: int
    steps: Sequence[SwapStep] = ()

    @property
    def price_impact(self) -> float:
        """Fraction of the marginal price lost to size, fees aside; never below 0."""
        if self.net_price <= 0 or self.swap.amount_in <= 0:
            return 0.0
        return max(0.0, 1 - self.swap.amount_out / self.swap.amount_in / self.net_price)


class LoadedPool:
    """A pool opened from accounts, and those that it took."""

    def __init__(self, pool_id: Pubkey, accounts: Accounts) -> None:
        """Open it.

        Raises:
            NotTradable: Its own account is not among them, or does not exist.
            CorruptAccount: An account cannot be what it should be.
        """
        own = accounts.get(pool_id)
        if own is None:
            raise NotTradable(pool_id, "its account is not held")
        self._accounts = accounts
        self.pool = decode_pool(pool_id, own)
        self.taken: dict[Pubkey, Account | None] = {pool_id: own}
        self._load()

    def swap(self, direction: Direction, mode: SwapMode, amount: int, clock: ChainClock) -> Swap:
        """Price a swap, with whatever further accounts are known that it turns out to need.

        Raises:
            MarketError: The pool refuses it.
        """
        while True:
            try:
                return self.pool.swap(direction, mode, amount, clock)
            except LiquidityNotLoaded:
                if not self._load():
                    raise

    def move(self, swap: Swap) -> None:
        """Let the pool stand where a swap leaves it."""
        for pubkey, data in self.pool.write_swap(swap).items():
            account = self.taken[pubkey]
            assert account is not None, pubkey
            self.pool.apply(pubkey, replace(account, data=data))

    def _load(self) -> bool:
        """Hand over what is asked for and known; whether there was any."""
        taken_before = len(self.taken)
        while wanted := [
            need.pubkey
            for need in self.pool.accounts_needed()
            if need.pubkey not in self.taken and need.pubkey in self._accounts
        ]:
            for pubkey in wanted:
                self.taken[pubkey] = self._accounts[pubkey]
                self.pool.apply(pubkey, self.taken[pubkey])
        return len(self.taken) > taken_before


def open_loaded(pool_ids: Sequence[Pubkey], accounts: Accounts) -> dict[Pubkey, LoadedPool]:
    """The pools of a route, each once.

    Raises:
        NotTradable, CorruptAccount: See `LoadedPool`.
    """
    return {pool_id: LoadedPool(pool_id, accounts) for pool_id in dict.fromkeys(pool_ids)}


def replay_route(
    chains: Sequence[AskedChain], pools: Mapping[Pubkey, LoadedPool], clock: ChainClock, *, with_steps: bool = False
) -> list[ReplayedSwap]:
    """Price the parts of a route in order, each swap's output the next one's input.

    Args:
        chains: The parts.
        pools: Every pool of them, freshly opened: it is moved where it comes more than once.
        clock: The chain's time.
        with_steps: Whether each swap comes with its arithmetic.

    Raises:
        MarketError: A pool refuses its swap.
    """
    uses_left: dict[Pubkey, int] = {}
    for chain in chains:
        for pool_id in chain.pool_ids:
            uses_left[pool_id] = uses_left.get(pool_id, 0) + 1
    net_prices: dict[tuple[Pubkey, Direction], float] = {}
    replayed = []
    for leg, chain in enumerate(chains):
        mint, amount = chain.input_mint, chain.amount
        for pool_id in chain.pool_ids:
            loaded = pools[pool_id]
            direction = Direction.A_TO_B if loaded.pool.mint_a == mint else Direction.B_TO_A
            key = pool_id, direction
            if key not in net_prices:  # of the state the quote rests on: what earlier parts cost is impact, too
                net_prices[key] = _net_price(loaded.pool, direction, clock)
            swap = loaded.swap(direction, chain.mode, amount, clock)
            steps = loaded.pool.arithmetic(swap, clock) if with_steps else ()
            uses_left[pool_id] -= 1
            if uses_left[pool_id]:
                loaded.move(swap)
            replayed.append(ReplayedSwap(loaded.pool, swap, net_prices[key], leg, steps))
            mint = loaded.pool.mint_b if direction is Direction.A_TO_B else loaded.pool.mint_a
            amount = swap.amount_out
    return replayed


def _net_price(pool: Pool, direction: Direction, clock: ChainClock) -> float:
    spot = pool.spot_price(clock)
    if direction is Direction.B_TO_A:
        spot = 1 / spot if spot > 0 else 0.0
    return spot * (1 - pool.fee_fraction(direction, clock))
