"""How deep a pool is, in lamports: of those held from what is held, of others by reading what they rest on once.

Depth is the input that moves the price by 1 % (`impact`), valued in SOL, and of the two directions the smaller: a pool
that has only one side left is not deep. A direction whose token has no price says nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from local_quote.impact import curve_of
from local_quote.pool_reader import PoolReader
from quote_core.dex.pool import ChainClock, Direction, Pool
from quote_core.errors import CorruptAccount, NotTradable
from quote_core.solana import CLOCK_SYSVAR, AccountUpdate, PartlyRead, decode_clock
from quote_core.units import Pubkey

__all__ = ["DepthReader", "LamportsPerUnit", "depth_lamports"]

LamportsPerUnit = Callable[[Pubkey], float | None]
"""What a smallest unit of a token is worth; `None` = not known."""

_READINGS_MAX: Final = 3
"""A pool asks for more of its arrays once its own are there, and once more where 1 % leads beyond them."""


def depth_lamports(pool: Pool, clock: ChainClock, lamports_per_unit: LamportsPerUnit) -> int | None:
    """The depth of a loaded pool; `None` when it is not known.

    Its accounts must be its own: the pool may come to want more of them.
    """
    depths = []
    for direction, mint in ((Direction.A_TO_B, pool.mint_a), (Direction.B_TO_A, pool.mint_b)):
        value = lamports_per_unit(mint)
        if value is None:
            continue
        try:
            depths.append(curve_of(pool, direction, clock, depth_before=0).depth_amount * value)
        except NotTradable:
            return None
    return round(min(depths)) if depths else None


class DepthReader:
    """Measures pools that are not held.

    Args:
        reader: Reads accounts, those of a pool of one slot, with the chain's clock.
        lamports_per_unit: What tokens are worth now.
    """

    def __init__(self, reader: PoolReader, lamports_per_unit: LamportsPerUnit) -> None:
        self._reader = reader
        self._lamports_per_unit = lamports_per_unit

    async def measure(self, pools: Sequence[Pool]) -> Mapping[Pubkey, int | None]:
        """The depth of each pool, freshly decoded from its own account and given to nobody else.

        Raises:
            UpstreamError: See `PoolReader.read_groups`.
        """
        depths: dict[Pubkey, int | None] = {pool.address: None for pool in pools}
        asked: dict[Pubkey, frozenset[Pubkey]] = {pool.address: frozenset() for pool in pools}
        clock: ChainClock | None = None
        waiting = {pool.address: pool for pool in pools}
        for _ in range(_READINGS_MAX):
            waiting = {pool_id: pool for pool_id, pool in waiting.items() if not _needs(pool) <= asked[pool_id]}
            if not waiting:
                break
            # All of a pool again, not what is new alone: those of one pool must be of one slot.
            updates = await self._read([(pool_id, *_needs(pool)) for pool_id, pool in waiting.items()])
            read = {update.pubkey: update for update in updates}
            clock = _newest_clock(updates, clock)
            for pool_id, pool in waiting.items():
                asked[pool_id] |= _needs(pool)
                depths[pool_id] = self._depth(pool, read, clock)
        return depths

    async def _read(self, groups: Sequence[Sequence[Pubkey]]) -> Sequence[AccountUpdate]:
        try:
            return await self._reader.read_groups(groups)
        except PartlyRead as error:  # the depth of some is not known, then
            return error.updates

    def _depth(self, pool: Pool, read: Mapping[Pubkey, AccountUpdate], clock: ChainClock | None) -> int | None:
        try:
            for pubkey in (pool.address, *_needs(pool)):
                if pubkey in read:
                    pool.apply(pubkey, read[pubkey].account)
        except CorruptAccount:
            return None
        if clock is None or pool.missing():
            return None
        return depth_lamports(pool, clock, self._lamports_per_unit)


def _needs(pool: Pool) -> frozenset[Pubkey]:
    return frozenset(need.pubkey for need in pool.accounts_needed())


def _newest_clock(updates: Sequence[AccountUpdate], before: ChainClock | None) -> ChainClock | None:
    for update in updates:
        if update.pubkey == CLOCK_SYSVAR and update.account is not None:
            try:
                told = decode_clock(update.account)
            except CorruptAccount:
                continue
            if before is None or told.slot > before.slot:
                before = told
    return before
