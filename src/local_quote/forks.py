"""Which slots a fork took back, told from what each slot was built on. Does no I/O.

A node at processed commitment shows the fork it holds for the right one, and may find another heavier: the slots it
leaves were never the chain's. It says so only by the parent of the next slot, and by notifying again the accounts that
are otherwise there, if it does. So each slot told here is kept with its parent:

| a slot that is told                                    | means                                                      |
|--------------------------------------------------------|------------------------------------------------------------|
| built on the newest before                             | the chain goes on; slots between were skipped              |
| newer, built on an older one                           | what lies on the way back to their common ancestor is dead |
| not newer than the newest                              | a fork that is not taken (yet), or an old notification     |
| built on nothing that is known, or too far apart       | nothing can be told: begin anew                            |

Forgotten when the connection changes: another node may be elsewhere on the chain, and its accounts are read anyway.
"""

from typing import Final

from local_quote.chain_progress import SLOTS_APART_MAX

__all__ = ["Forks"]

_REMEMBERED_MAX: Final = 2 * SLOTS_APART_MAX
"""No fork is as deep: a validator that voted for 32 slots in a row cannot leave them any more."""


class Forks:
    """Fed with every slot notified on one connection."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}
        self._chain: list[int] = []
        self._tip = 0
        self.dead: set[int] = set()
        """Slots that are not the chain's, of those that an answer may still be of."""
        self.count = 0

    def begin_anew(self) -> None:
        """Another connection, or a chain that cannot be followed."""
        self._parents.clear()
        self._chain.clear()
        self._tip = 0
        self.dead.clear()

    def parent(self, slot: int) -> int | None:
        """What a slot was built on, where the node said so lately."""
        return self._parents.get(slot)

    def told(self, slot: int, parent: int | None) -> int | None:
        """A slot was told; returns the newest slot that still stands where others were taken back.

        Args:
            slot: The slot.
            parent: What it was built on; None where the node does not say.
        """
        if parent is None or slot - parent > SLOTS_APART_MAX or slot < self._tip - SLOTS_APART_MAX:
            self.begin_anew()
            return None
        self._parents.setdefault(slot, parent)
        while len(self._parents) > _REMEMBERED_MAX:
            del self._parents[min(self._parents)]
        if slot <= self._tip:
            return None
        before, self._tip = self._chain, slot
        self._chain = self._ancestry(slot)
        oldest = self._chain[-1]
        # A slot between two of the chain was skipped, or is another fork's: whichever node tells of it.
        self.dead = set(range(oldest, slot)).difference(self._chain)
        left = set(before).difference(self._chain)
        first_left = min((one for one in left if one >= oldest), default=None)
        if first_left is None:
            return None
        self.count += 1
        return max(one for one in self._chain if one < first_left)

    def _ancestry(self, slot: int) -> list[int]:
        """A slot and what it was built on, as far back as is known, newest first."""
        chain = [slot]
        while (parent := self._parents.get(chain[-1])) is not None:
            chain.append(parent)
        return chain
