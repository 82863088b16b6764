"""What the NATS client raises, in the words of this project."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Final

from nats.errors import Error as NatsError

from quote_core.errors import ProviderUnavailable

__all__ = ["NATS", "heed_cancellation", "upstream_errors"]

NATS: Final = "nats"
"""What the bus is called in errors."""


@contextlib.contextmanager
def upstream_errors() -> Iterator[None]:
    """Translate what the NATS client raises.

    Raises:
        ProviderUnavailable: NATS did not do its part.
    """
    try:
        yield
    except (NatsError, TimeoutError, OSError) as error:
        heed_cancellation()
        raise ProviderUnavailable(NATS, str(error) or type(error).__name__) from error
    heed_cancellation()


def heed_cancellation() -> None:
    """Raise the cancellation of this task that the NATS client may have swallowed; for after each of its calls.

    It waits with `asyncio.wait_for`, which before Python 3.12 gives the answer, or raises the failure, and forgets the
    cancellation when both come at once; and it catches cancellations itself where it closes. A task that tries again
    after a failure would then never end, nor would an `asyncio.timeout` around it.

    Raises:
        asyncio.CancelledError: This task has been cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
