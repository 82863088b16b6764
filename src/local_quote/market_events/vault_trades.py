"""Trades of a pool as its two vaults show them: one gains, the other loses. Does no I/O.

What comes together is one trade: several swaps that one reading or one batch of notifications brings are told as their
sum. Both vaults up, or both down, is liquidity that came or went, and no trade. One vault alone waits for the other's
notification; when a later slot comes first it was none (a fee collected, tokens sent to the pool).
"""

from dataclasses import dataclass
from typing import NamedTuple

from quote_core.units import Pubkey

__all__ = ["PoolTrade", "VaultSight", "VaultTrades"]


class VaultSight(NamedTuple):
    """What a pool's vaults hold, smallest units.

    Attributes:
        slot: Of the pool's last change.
        a_amount: Of mint A.
        b_amount: Of mint B.
        doubted_mono_ns: When the pool was last in doubt: what changed over that is not known to be one trade.
    """

    slot: int
    a_amount: int
    b_amount: int
    doubted_mono_ns: int


@dataclass(frozen=True, slots=True)
class PoolTrade:
    """What came in and went out, smallest units, fees included; `is_a_in` = mint A came in."""

    pool_id: Pubkey
    slot: int
    is_a_in: bool
    input_amount: int
    output_amount: int

    @property
    def a_amount(self) -> int:
        """Of mint A, whichever way."""
        return self.input_amount if self.is_a_in else self.output_amount


@dataclass(slots=True)
class _Account:
    """Up to which sight a pool's changes are accounted for, and a sight after it of which one vault alone differs."""

    sight: VaultSight
    half: VaultSight | None = None


class VaultTrades:
    """Keeps the last sight of each pool; `forget` those that are held no more."""

    def __init__(self) -> None:
        self._accounts: dict[Pubkey, _Account] = {}

    def __len__(self) -> int:
        return len(self._accounts)

    def see(self, pool_id: Pubkey, sight: VaultSight) -> PoolTrade | None:
        """The vaults as they are after an update; the trade since they were seen last, if there was one."""
        account = self._accounts.get(pool_id)
        if account is None or account.sight.doubted_mono_ns != sight.doubted_mono_ns:
            self._accounts[pool_id] = _Account(sight)
            return None
        if account.half is not None and sight.slot > account.half.slot:
            account.sight, account.half = account.half, None
        before = account.sight
        a_change, b_change = sight.a_amount - before.a_amount, sight.b_amount - before.b_amount
        if a_change and b_change:
            account.sight, account.half = sight, None
            if (a_change > 0) is not (b_change > 0):
                return _trade(pool_id, sight.slot, a_change, b_change)
        elif a_change or b_change:
            account.half = sight
        return None

    def forget(self, pool_id: Pubkey) -> None:
        """The pool was let go, or its vaults are not known any more."""
        self._accounts.pop(pool_id, None)


def _trade(pool_id: Pubkey, slot: int, a_change: int, b_change: int) -> PoolTrade:
    if a_change > 0:
        return PoolTrade(pool_id, slot, is_a_in=True, input_amount=a_change, output_amount=-b_change)
    return PoolTrade(pool_id, slot, is_a_in=False, input_amount=b_change, output_amount=-a_change)
