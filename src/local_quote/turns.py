"""When pools have to be looked at again although nothing of them has changed: queues by time. Do no I/O.

A price turns at a time of the chain's: a dynamic fee decays, a pool opens, a transfer fee changes with the epoch. What
passes in between costs nothing, however many pools are held.
"""

from collections.abc import Iterator
from heapq import heappop, heappush

from quote_core.dex.pool import NEVER, ChainClock
from quote_core.units import Pubkey

__all__ = ["PriceTurns", "TurnQueue"]


class TurnQueue:
    """The next turn of each pool on one axis of time.

    A turn that comes to be later stays queued as it was, and is put off when it comes up: a pool that is noted at every
    swap is queued once, not once a swap.
    """

    def __init__(self) -> None:
        self._turns: dict[Pubkey, int] = {}
        self._queued: dict[Pubkey, int] = {}  # the earliest of a pool's places in the heap
        self._heap: list[tuple[int, Pubkey]] = []

    def note(self, pool_id: Pubkey, turn: int) -> None:
        """The pool turns next at `turn`, whatever was noted before; at `NEVER` it does not."""
        if turn >= NEVER:
            self._turns.pop(pool_id, None)
            return
        self._turns[pool_id] = turn
        if turn < self._queued.get(pool_id, NEVER):
            self._queued[pool_id] = turn
            heappush(self._heap, (turn, pool_id))

    def next_turn(self) -> int:
        """When the next pool turns; `NEVER` when none does."""
        while self._heap:
            at, pool_id = self._heap[0]
            turn = self._turns.get(pool_id, NEVER)
            if self._queued.get(pool_id) == at == turn:
                return at
            heappop(self._heap)
            if self._queued.get(pool_id) == at:
                del self._queued[pool_id]
                self.note(pool_id, turn)
        return NEVER

    def take_due(self, now: int) -> Iterator[Pubkey]:
        """The pools that have turned by `now`; they turn no more until that is noted anew."""
        while self.next_turn() <= now:
            pool_id = heappop(self._heap)[1]
            del self._queued[pool_id], self._turns[pool_id]
            yield pool_id


class PriceTurns:
    """Until when the pools' prices hold by time alone, see `Pool.price_holds_until`."""

    def __init__(self) -> None:
        self._slots, self._times, self._epochs = TurnQueue(), TurnQueue(), TurnQueue()

    def note(self, pool_id: Pubkey, until: ChainClock) -> None:
        """The pool's price holds until the first of the three."""
        self._slots.note(pool_id, until.slot)
        self._times.note(pool_id, until.unix_timestamp)
        self._epochs.note(pool_id, until.epoch)

    def forget(self, pool_id: Pubkey) -> None:
        """The pool is not held any more."""
        for queue in (self._slots, self._times, self._epochs):
            queue.note(pool_id, NEVER)

    def take_due(self, now: ChainClock) -> set[Pubkey]:
        """The pools that may price otherwise at `now`; it is for the caller to note them anew."""
        return {
            *self._slots.take_due(now.slot),
            *self._times.take_due(now.unix_timestamp),
            *self._epochs.take_due(now.epoch),
        }
