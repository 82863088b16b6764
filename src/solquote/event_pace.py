"""When a replayed event is due: as long after the first as it was stored after it, divided by a factor."""

from dataclasses import dataclass, field

from quote_core.units import NS_PER_S

__all__ = ["ReplayPace"]


@dataclass(slots=True)
class ReplayPace:
    """How fast a replay goes, and how far; the first event asked for begins it.

    Attributes:
        speed: Times as fast as events were stored, above 0.
        count_max: No more events than these.
    """

    speed: float
    count_max: int
    _began: tuple[int, int] | None = field(default=None, init=False)

    def wait_s(self, stored_unix_ns: int, now_mono_ns: int) -> float:
        """Seconds until an event is due; 0 for one that was stored before the first, and for one that is late."""
        if self._began is None:
            self._began = stored_unix_ns, now_mono_ns
        first_unix_ns, began_mono_ns = self._began
        due_ns = (stored_unix_ns - first_unix_ns) / self.speed
        return max(0.0, (due_ns - (now_mono_ns - began_mono_ns)) / NS_PER_S)
