"""Writes down what the supervisor knows of its processes, in the file of `quote_core.running.status`.

It is replaced as one step on every change, at most four times a second, and at least once a second: a reader tells
from its moment how old it is. A disk that is full leaves the last one there, and it grows old. Nobody waits for the
disk: after a power failure there is no supervisor.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from quote_core.clock import Clock, moment
from quote_core.files import replace_file
from quote_core.running.status import STATUS_NAME, ProcessState, ProcessView, status_content
from solquote.supervisor.specification import ProcessSpec

__all__ = ["StatusFile"]

_SIGN_OF_LIFE_S: Final = 1.0
_WRITE_EVERY_S: Final = 0.25


class StatusFile:
    """A `Watcher` that writes down what it is told.

    Args:
        folder: The data folder.
        specs: What will run, in the order in which it is shown.
        clock: Dates what is written.
    """

    def __init__(self, folder: Path, specs: Sequence[ProcessSpec], *, clock: Clock) -> None:
        self._path = folder / STATUS_NAME
        self._clock = clock
        self._views = {
            spec.name: ProcessView(name=spec.name, state=ProcessState.WAITING, address=spec.address) for spec in specs
        }
        self._news = asyncio.Event()

    def changed(self, view: ProcessView) -> None:
        """See `Watcher.changed`."""
        self._views[view.name] = view
        self._news.set()

    def told(self, name: str, sentence: str) -> None:
        """Sentences are for who sees them when they are told."""

    def logged(self, name: str, line: str) -> None:
        """Lines are in the log files."""

    async def run(self) -> None:
        """Write until cancelled, and leave no file behind. What cannot be written is tried again."""
        writing: asyncio.Future[None] | None = None
        try:
            while True:
                self._news.clear()
                writing = asyncio.ensure_future(asyncio.to_thread(self._write, self._content()))
                with contextlib.suppress(OSError):
                    await asyncio.shield(writing)
                await asyncio.sleep(_WRITE_EVERY_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_SIGN_OF_LIFE_S - _WRITE_EVERY_S):
                        await self._news.wait()
        finally:
            if writing is not None:
                await asyncio.gather(writing, return_exceptions=True)  # or it would come after the file was removed
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _content(self) -> bytes:
        return status_content(self._views.values(), now=moment(self._clock))

    def _write(self, content: bytes) -> None:
        replace_file(self._path, content, outlives_power_failure=False)
