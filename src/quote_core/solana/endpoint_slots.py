"""How far endpoints are behind each other, by the slots they tell. No I/O, no clock of its own.

The newest slot is that of the endpoint furthest ahead among those that are *followed along*: its slots have advanced a
few times over two seconds, no faster than a chain makes them, and it told one lately. So one that tells a slot far
ahead (2^53) is out of step itself, and leaves the others where they are; one that is gone is measured against no more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from quote_core.units import NS_PER_MS, NS_PER_S

__all__ = ["APART_SLOTS_MAX", "SlotTrack", "newest_slot"]

_SLOT_NS_MIN: Final = 50 * NS_PER_MS
"""No chain is taken to be faster, see `local_quote.chain_progress`."""
APART_SLOTS_MAX: Final = 32
"""How far the nodes behind one address may be apart."""
_ADVANCES_MIN: Final = 3
_ALONG_NS_MIN: Final = 2 * NS_PER_S
_SILENT_NS_MAX: Final = 5 * NS_PER_S


@dataclass(slots=True)
class SlotTrack:
    """What one endpoint told; `slot` is the last one, 0 before the first."""

    slot: int = 0
    told_mono_ns: int = 0
    _top_slot: int = 0
    _top_mono_ns: int = 0
    _since_mono_ns: int = 0
    _advance_count: int = 0

    def tell(self, slot: int, mono_ns: int) -> None:
        """The endpoint told a slot."""
        fastest = self._top_slot + APART_SLOTS_MAX + max(0, mono_ns - self._top_mono_ns) // _SLOT_NS_MIN
        self.slot, self.told_mono_ns = slot, mono_ns
        if not self._top_slot or not self._top_slot - APART_SLOTS_MAX <= slot <= fastest:
            self._top_slot, self._top_mono_ns = slot, mono_ns
            self._since_mono_ns, self._advance_count = mono_ns, 0
        elif slot > self._top_slot:
            self._top_slot, self._top_mono_ns = slot, mono_ns
            self._advance_count += 1

    def is_along(self, mono_ns: int) -> bool:
        """Whether it tells slots as a chain that advances does."""
        return (
            self._advance_count >= _ADVANCES_MIN
            and self._top_mono_ns - self._since_mono_ns >= _ALONG_NS_MIN
            and mono_ns - self._top_mono_ns <= _SILENT_NS_MAX
        )

    @property
    def top_slot(self) -> int:
        """The newest one it told on its way here."""
        return self._top_slot


def newest_slot(tracks: Iterable[SlotTrack], mono_ns: int) -> int:
    """The newest slot of those that are followed along; 0 when there is none."""
    return max((track.top_slot for track in tracks if track.is_along(mono_ns)), default=0)
