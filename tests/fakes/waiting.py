"""Wait for what another task or process will do, with a deadline."""

import asyncio
import time
from collections.abc import Callable

DEADLINE_S = 10.0


async def eventually(condition: Callable[[], bool], *, deadline_s: float = DEADLINE_S) -> None:
    """Wait until `condition` holds, looking again after every few milliseconds of other work."""
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, "never came true"
        await asyncio.sleep(0.005)
