"""How long another side wants no call: kept between calls, whoever makes them."""

import structlog

from quote_core.clock import Clock
from quote_core.outside import RETRY_AFTER_NS_MAX
from quote_core.units import NS_PER_S

__all__ = ["Pause"]


class Pause:
    """One endpoint's wish to be left alone. Whoever calls it asks here first."""

    def __init__(self, *, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._until_ns = 0

    @property
    def remaining_ns(self) -> int:
        """How long no call is to be made; 0 = calls are welcome."""
        return max(self._until_ns - self._clock.mono_ns(), 0)

    def extend(self, duration_ns: int) -> None:
        """Make no call for so long, at most `RETRY_AFTER_NS_MAX`. A longer pause stands."""
        if duration_ns > RETRY_AFTER_NS_MAX:
            # Not cut in silence: somebody may have to ask the other side why.
            structlog.get_logger(part="pause").warning(
                "asked to stay away for longer than is heeded",
                endpoint=self._name,
                asked_s=duration_ns // NS_PER_S,
                heeded_s=RETRY_AFTER_NS_MAX // NS_PER_S,
            )
            duration_ns = RETRY_AFTER_NS_MAX
        self._until_ns = max(self._until_ns, self._clock.mono_ns() + duration_ns)
