"""Find out that notifications are lost: an answer shows a change of a followed account that nobody notified. No I/O.

A notification may come after the answer that shows the same change, so the change waits `LATE_NS_MAX` for it.
"""

from collections.abc import Iterable, Mapping, Set
from typing import Final

from quote_core.units import NS_PER_S, Pubkey

__all__ = ["FeedGaps"]

LATE_NS_MAX: Final = 1 * NS_PER_S
LOSSY_NS: Final = 60 * NS_PER_S
"""How long a feed that lost something is not relied on."""


class FeedGaps:
    """Compares what answers show with what was notified."""

    def __init__(self) -> None:
        self._notified_slot: dict[Pubkey, int] = {}
        self._awaited: dict[Pubkey, tuple[int, int]] = {}
        self._lossy_until_mono_ns = 0
        self.count = 0

    def notified(self, pubkey: Pubkey, slot: int) -> bool:
        """A change of an account was notified, whether or not it was news; False when one of the slot was before."""
        is_first = self._notified_slot.get(pubkey) != slot
        self._notified_slot[pubkey] = slot
        awaited = self._awaited.get(pubkey)
        if awaited is not None and slot > awaited[0]:
            del self._awaited[pubkey]
        return is_first

    def shown(self, unannounced: Mapping[Pubkey, int], followed: Set[Pubkey], due_mono_ns: int) -> None:
        """An answer changed accounts, given with the slots held before: of those followed, notifications are due."""
        for pubkey, slot_before in unannounced.items():
            if pubkey in followed and self._notified_slot.get(pubkey, 0) <= slot_before:
                self._awaited.setdefault(pubkey, (slot_before, due_mono_ns))

    def forget(self, pubkeys: Iterable[Pubkey]) -> None:
        """Accounts are not followed any more."""
        for pubkey in pubkeys:
            self._awaited.pop(pubkey, None)
            self._notified_slot.pop(pubkey, None)

    def forget_awaited(self) -> None:
        """The connection is gone: what was to be notified on it will not be."""
        self._awaited.clear()

    def is_lossy(self, now_mono_ns: int) -> bool:
        """Whether something was lost lately; counts what has not come in time."""
        late = [pubkey for pubkey, (_, due_ns) in self._awaited.items() if now_mono_ns - due_ns > LATE_NS_MAX]
        for pubkey in late:
            del self._awaited[pubkey]
        if late:
            self.count += len(late)
            self._lossy_until_mono_ns = now_mono_ns + LOSSY_NS
        return now_mono_ns < self._lossy_until_mono_ns
