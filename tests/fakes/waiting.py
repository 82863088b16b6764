"""Wait for what another task or process will do, with a deadline."""

import asyncio
import time
from collections.abc import Callable

DEADLINE_S = 60.0
"""Only a test that fails waits so long: roomy, for a machine that is busy with other things."""


async def eventually(condition: Callable[[], bool], *, deadline_s: float = DEADLINE_S) -> None:
    """Wait until `condition` holds, looking again after every few milliseconds of other work."""
    until = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < until, "never came true"
        await asyncio.sleep(0.005)


def until(condition: Callable[[], object], what: str = "what is waited for", *, deadline_s: float = DEADLINE_S) -> None:
    """The same for a test that is not asyncio's, which lets the processor go to whoever is waited for."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.001)
