"""What is true: a market, played here, asked for any pool at any slot.

The bytes of slot N depend on genesis, seed and forks only, so a market of the same seed is the account state behind
every quote of a node that is another process. Where a fork begins is told by the proxy (`fork_begins`), and when each
slot became the newest one (`slot_came`). A slot of a fork has the state it was shown with, for ever; that it is not the
chain's any more since another slot took it back is told beside that (`taken_back_by`).
"""

import bisect
import contextlib
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from typing import Final

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.errors import MarketError, SolquoteError
from quote_core.units import Pubkey
from recorded_market.ledger import Block, Commitment
from recorded_market.market import Market

__all__ = ["Truth"]

SLOTS_KEPT: Final = 4_000
_POOLS_KEPT: Final = 256
_OUTPUTS_KEPT: Final = 50_000
_PRUNE_EVERY_SLOTS: Final = 500

_OutputKey = tuple[Pubkey, int, Direction, int, int]


class Truth:
    """The market's own history. Slots are played as they are told."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.first_slot = self._market.clock.slot
        self._clocks = {self.first_slot: self._market.clock}
        self._slot_mono_ns: dict[int, int] = {}
        self._forks: dict[int, int] = {}
        self._taken_back_by: dict[int, int] = {}
        self._accounts: dict[Pubkey, list[tuple[int, Account]]] = defaultdict(list)
        self._change_slots: dict[Pubkey, list[int]] = defaultdict(list)
        self._pools: OrderedDict[tuple[Pubkey, int], Pool] = OrderedDict()
        self._pools_on: dict[Pubkey, set[Pubkey]] = defaultdict(set)
        self._outputs: dict[_OutputKey, int | None] = {}
        for pubkey, account in self._market.ledger.view(Commitment.PROCESSED).accounts.items():
            self._accounts[pubkey].append((self.first_slot, account))
        for pool in self._market.tradable_pools():
            self._learn_accounts(pool)

    @property
    def slot(self) -> int:
        """The newest slot."""
        return self._market.clock.slot

    def fork_begins(self, slot: int, slot_count: int) -> None:
        """So many slots from `slot` on, which has not come yet, are of a fork."""
        assert slot > self.slot
        self._forks[slot] = slot_count

    def slot_came(self, slot: int, mono_ns: int) -> None:
        """Play up to `slot`, which became the newest one at `mono_ns`."""
        while self._market.clock.slot < slot:
            self._advance()
        self._slot_mono_ns[slot] = mono_ns

    def next_slot(self, mono_ns: int) -> Mapping[Commitment, Block]:
        """Play the next slot, the newest one since `mono_ns`, for whoever serves this very market."""
        blocks = self._advance()
        self._slot_mono_ns[self.slot] = mono_ns
        return blocks

    def _advance(self) -> Mapping[Commitment, Block]:
        fork_slot_count = self._forks.pop(self.slot + 1, 0)
        if fork_slot_count:
            self._market.begin_fork(fork_slot_count)
        blocks = self._market.advance()
        now = self._market.clock
        self._clocks[now.slot] = now
        parent_slot = blocks[Commitment.PROCESSED].parent
        assert parent_slot is not None
        self._taken_back_by |= dict.fromkeys(range(parent_slot + 1, now.slot), now.slot)
        touched: set[Pubkey] = set()
        for pubkey, account in blocks[Commitment.PROCESSED].changes.items():
            self._accounts[pubkey].append((now.slot, account))
            touched |= self._pools_on[pubkey]
        for pool_id in touched:
            self._change_slots[pool_id].append(now.slot)
        if now.slot % _PRUNE_EVERY_SLOTS == 0:
            self._prune(now.slot - SLOTS_KEPT)
        return blocks

    def newest_since_mono_ns(self, slot: int) -> int | None:
        """When `slot` became the newest one; None when that was not seen."""
        return self._slot_mono_ns.get(slot)

    def taken_back_by(self, slot: int) -> int | None:
        """The slot that took this one back; None while it is the chain's."""
        return self._taken_back_by.get(slot)

    def standing_slot(self, slot: int) -> int:
        """The slot itself, or the last one before it that is the chain's."""
        while slot in self._taken_back_by:
            slot -= 1
        return slot

    def changes_after(self, pool_id: Pubkey, slot: int) -> list[int]:
        """The later slots that changed an account of the pool, ascending."""
        slots = self._change_slots[pool_id]
        return slots[bisect.bisect_right(slots, slot) :]

    def gives(
        self,
        pool_id: Pubkey,
        slot: int,
        input_mint: Pubkey,
        amount: int,
        output: int,
        *,
        clock_lag_s_max: int,
        clock_slot: int | None = None,
    ) -> int | None:
        """How far from the slot's own time the chain's clock must be for the pool to give `output`, in seconds.

        A price that does not move with time alone is found at 0. None: not at any time within `clock_lag_s_max`, or
        the pool does not exist, or the slot is not of this chain. The time is that of `clock_slot`, if it is given.
        """
        clock = self._clocks.get(slot if clock_slot is None else clock_slot)
        if clock is None:
            return None
        for lag_s in sorted(range(-clock_lag_s_max, clock_lag_s_max + 1), key=abs):
            if self._output(pool_id, slot, input_mint, amount, clock, lag_s) == output:
                return lag_s
        return None

    def _output(
        self, pool_id: Pubkey, slot: int, input_mint: Pubkey, amount: int, clock: ChainClock, lag_s: int
    ) -> int | None:
        pool = self._pool(pool_id, slot)
        if pool is None:
            return None
        direction = Direction.A_TO_B if pool.mint_a == input_mint else Direction.B_TO_A
        key = pool_id, self._version(pool_id, slot), direction, amount, clock.unix_timestamp + lag_s
        if key not in self._outputs:
            if len(self._outputs) >= _OUTPUTS_KEPT:
                self._outputs.clear()
            moment = ChainClock(clock.slot, clock.unix_timestamp + lag_s, clock.epoch)
            self._outputs[key] = None
            with contextlib.suppress(MarketError):
                self._outputs[key] = pool.swap(direction, SwapMode.EXACT_IN, amount, moment).amount_out
        return self._outputs[key]

    def _version(self, pool_id: Pubkey, slot: int) -> int:
        """The last slot up to `slot` that changed the pool."""
        slots = self._change_slots[pool_id]
        position = bisect.bisect_right(slots, slot)
        return slots[position - 1] if position else self.first_slot

    def _pool(self, pool_id: Pubkey, slot: int) -> Pool | None:
        held = self._pools.get((pool_id, self._version(pool_id, slot)))
        if held is not None:
            return held
        account = self._account(pool_id, slot)
        if account is None:
            return None
        try:
            pool = decode_pool(pool_id, account)
        except SolquoteError:
            return None
        asked: set[Pubkey] = set()
        while wanted := [need.pubkey for need in pool.accounts_needed() if need.pubkey not in asked]:
            for pubkey in wanted:
                asked.add(pubkey)
                pool.apply(pubkey, self._account(pubkey, slot))
        self._learn_accounts(pool)
        self._pools[pool_id, self._version(pool_id, slot)] = pool
        if len(self._pools) > _POOLS_KEPT:
            self._pools.popitem(last=False)
        return pool

    def _account(self, pubkey: Pubkey, slot: int) -> Account | None:
        versions = self._accounts.get(pubkey, [])
        position = bisect.bisect_right(versions, slot, key=lambda version: version[0])
        return versions[position - 1][1] if position else None

    def _learn_accounts(self, pool: Pool) -> None:
        """Remember what the pool rests on; with an account that is new to it come the slots that changed it."""
        for pubkey in (pool.address, *(need.pubkey for need in pool.accounts_needed())):
            if pool.address not in self._pools_on[pubkey]:
                self._pools_on[pubkey].add(pool.address)
                known = {slot for slot, _ in self._accounts.get(pubkey, []) if slot > self.first_slot}
                self._change_slots[pool.address] = sorted(known.union(self._change_slots[pool.address]))

    def _prune(self, before_slot: int) -> None:
        for versions in self._accounts.values():
            position = bisect.bisect_right(versions, before_slot, key=lambda version: version[0])
            del versions[: max(0, position - 1)]
        for slot in [slot for slot in self._clocks if slot < before_slot]:
            del self._clocks[slot]
            self._slot_mono_ns.pop(slot, None)
            self._taken_back_by.pop(slot, None)
