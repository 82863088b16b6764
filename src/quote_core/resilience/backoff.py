"""Growing, jittered pauses for what is tried for ever, such as a reconnect."""

import random

from quote_core.units import NS_PER_S

__all__ = ["Backoff"]


class Backoff:
    """Doubles from `first_ns` to `pause_ns_max`; each pause is drawn from its upper half, so that crowds spread out."""

    def __init__(self, *, first_ns: int, pause_ns_max: int, rng: random.Random | None = None) -> None:
        self._first_ns = first_ns
        self._pause_ns_max = pause_ns_max
        self._rng = rng or random.Random()
        self._attempt_count = 0

    def next_s(self) -> float:
        """Seconds to pause before the next attempt."""
        # The exponent is capped before the shift, so that a day of failures makes no astronomic integer.
        whole_ns = min(self._first_ns << min(self._attempt_count, 40), self._pause_ns_max)
        self._attempt_count += 1
        return whole_ns * self._rng.uniform(0.5, 1.0) / NS_PER_S

    def reset(self) -> None:
        """Start over: an attempt succeeded."""
        self._attempt_count = 0
