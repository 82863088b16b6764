"""Cancellations that are swallowed on their way to a task."""

import asyncio

__all__ = ["heed_cancellation"]


def heed_cancellation() -> None:
    """Raise this task's cancellation if somebody swallowed it; for whoever goes on after a failure.

    Two do so when a failure and a cancellation come at once. `asyncio.wait_for`, which the NATS client waits with,
    gives the answer or raises the failure before Python 3.12 (the client also catches cancellations itself where it
    closes). `asyncio.TaskGroup` raises the failures of its tasks alone before Python 3.13. A task that tries again
    after a failure would then never end, nor would an `asyncio.timeout` around it.

    A `TaskGroup` before Python 3.12 also cancels the task it is in, and forgets to say that it was not meant so.
    Whoever heeds cancellations after one has it in a task of its own: `await asyncio.create_task(...)`.

    Raises:
        asyncio.CancelledError: This task has been cancelled.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
