"""Carries out the profiles that an operator orders while the process runs: `quote_core.running.profile_orders`."""

import asyncio
import contextlib
import os
import threading
from pathlib import Path
from typing import Final

import structlog

from quote_core.clock import SYSTEM_CLOCK
from quote_core.running.profile_orders import ProfileOrder, orders_waiting
from quote_core.telemetry.stack_profile import StackProfile, as_json, sample_stacks, turns_in_short

__all__ = ["follow_profile_orders"]

LOOK_EVERY_S: Final = 1.0


async def follow_profile_orders(folder: Path, process: str) -> None:
    """Take a profile whenever one is ordered of this process, one after the other, until cancelled."""
    log = structlog.get_logger()
    while True:
        for order in orders_waiting(folder, process=process, pid=os.getpid()):
            try:
                order.begin()
                log.info("a profile is taken", seconds=order.seconds)
                await _Taking(order).done()
            except FileNotFoundError:
                pass  # called off
            except OSError as error:
                log.warning("a profile cannot be written", error=error.strerror)
        await asyncio.sleep(LOOK_EVERY_S)


class _Taking:
    """One profile under way, in a thread for which a process that is told to stop does not wait."""

    def __init__(self, order: ProfileOrder) -> None:
        self._order = order
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._call_off = threading.Event()

    async def done(self) -> None:
        """Take it.

        Raises:
            OSError: It cannot be written.
        """
        threading.Thread(target=self._work, name="profile", daemon=True).start()
        try:
            await self._ended
        finally:
            self._call_off.set()

    def _work(self) -> None:
        failure: Exception | None = None
        try:
            self._take()
        except Exception as error:  # noqa: BLE001  # raised where it is waited for
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._end, failure)

    def _take(self) -> None:
        order = self._order
        profile = StackProfile(f"{order.process}, process {order.pid}")
        with turns_in_short():
            is_whole = sample_stacks(
                profile,
                seconds=order.seconds,
                clock=SYSTEM_CLOCK,
                call_off=self._call_off,
                is_wanted=lambda: order.is_wanted,
            )
            if is_whole:
                order.deliver(as_json(profile.document()))

    def _end(self, failure: Exception | None) -> None:
        if self._ended.done():  # cancelled meanwhile
            return
        if failure is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(failure)
