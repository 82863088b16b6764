"""How late the event loop comes to what is due: whatever stops it for a while makes everything else wait."""

import asyncio
from typing import Final

from quote_core.telemetry.histogram import Histogram

__all__ = ["LoopLag"]

_BOUNDS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_LOOK_INTERVAL_S: Final = 0.1


class LoopLag:
    """Measured ten times a second: an average stop shorter than that is seen as often as it is likely to be met."""

    def __init__(self) -> None:
        self.lag_s = Histogram(_BOUNDS_S)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + _LOOK_INTERVAL_S
            await asyncio.sleep(_LOOK_INTERVAL_S)
            self.lag_s.observe(max(0.0, loop.time() - due_s))
