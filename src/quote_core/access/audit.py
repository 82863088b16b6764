"""The line that an admin call leaves in the log: who, what, from where, and how it ended; never what was shown for it.

Written whatever level is logged: as `critical`, which no setting leaves out. Refused ones come from anybody: of those
one a second is told once there have been many, and the next line says how many were not.
"""

from typing import Final

import structlog

from quote_core.clock import Clock
from quote_core.resilience.rate_limit import RateLimiter

__all__ = ["Audit"]

_REFUSED_LINES_PER_S: Final = 1.0
_REFUSED_LINES_AT_ONCE: Final = 20


class Audit:
    """Writes them."""

    def __init__(self, clock: Clock) -> None:
        self._refusals = RateLimiter(
            name="audit", rate_per_s=_REFUSED_LINES_PER_S, burst_count=_REFUSED_LINES_AT_ONCE, clock=clock
        )
        self._untold_count = 0

    def tell(self, call: str, *, client: str | None, host: str, outcome: str) -> None:
        """One call has ended.

        Args:
            call: What was asked, by its name in our tables, not by what the client wrote.
            client: Who; None for somebody who is not known.
            host: From where.
            outcome: A canonical code, or an HTTP status.
        """
        if client is None and self._refusals.take():
            self._untold_count += 1
            return
        untold, self._untold_count = self._untold_count, 0
        more = {"refused_untold": untold} if untold else {}
        log = structlog.get_logger(part="audit")
        log.critical("admin call", call=call, client=client or "unknown", host=host, outcome=outcome, **more)
