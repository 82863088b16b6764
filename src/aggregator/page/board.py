"""What is to be shown, as one text a topic, and who looks: the conflating middle between panels and browsers.

A panel puts a topic's whole content whenever it likes; a viewer takes whatever is newer than what it has. So a viewer
that is slow, or a panel that is fast, costs nothing: what came in between is never sent, and never kept.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from quote_core.errors import ProviderUnavailable
from quote_core.json_dialect import json_text

__all__ = ["Board", "Viewer"]


@dataclass(frozen=True, slots=True)
class _Key:
    """What is held apart: a topic, or a part of one, or one for viewers of one size."""

    topic: str
    part: str
    size: int | None


class Viewer:
    """One browser: which version of each topic it has."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.news = asyncio.Event()
        self.seen: dict[_Key, int] = {}


class Board:
    """The topics and the viewers.

    Args:
        viewer_count_max: More are refused.
    """

    def __init__(self, *, viewer_count_max: int) -> None:
        self._viewer_count_max = viewer_count_max
        self._viewers: set[Viewer] = set()
        self._texts: dict[_Key, str] = {}
        self._versions: dict[_Key, int] = {}
        self._version = 0
        self._is_closed = False
        self._watched = asyncio.Event()
        self._deserted = asyncio.Event()
        self._deserted.set()

    def __len__(self) -> int:
        return len(self._viewers)

    @property
    def sizes(self) -> set[int]:
        """Those that somebody looks at."""
        return {viewer.size for viewer in self._viewers}

    async def watched(self) -> None:
        """Return as soon as there is a viewer."""
        await self._watched.wait()

    async def deserted(self, *, for_s: float) -> None:
        """Return when there has been no viewer for so long."""
        while True:
            await self._deserted.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(for_s):
                    await self._watched.wait()
                continue
            return

    def put(self, topic: str, content: Mapping[str, Any], *, part: str = "", size: int | None = None) -> None:
        """Show this from now on; the same as before is no news.

        Args:
            topic: What the browser knows it as.
            content: All of it.
            part: Of a topic that has several, each with a content of its own.
            size: Only viewers of this size get it.
        """
        key, text = _Key(topic, part, size), json_text(content)
        if self._texts.get(key) == text:
            return
        self._version += 1
        self._texts[key] = text
        self._versions[key] = self._version
        for viewer in self._viewers:
            viewer.news.set()

    def clear(self) -> None:
        """Forget what was put: it grows old while nobody looks."""
        self._texts.clear()
        self._versions.clear()

    def close(self) -> None:
        """Send every viewer away."""
        self._is_closed = True
        for viewer in self._viewers:
            viewer.news.set()

    @contextlib.contextmanager
    def viewer(self, size: int) -> Iterator[Viewer]:
        """Be one while the context lasts.

        Raises:
            ProviderUnavailable: There are too many, or the board is closed.
        """
        if self._is_closed:
            raise ProviderUnavailable("web page", "the aggregator is stopping")
        if len(self._viewers) >= self._viewer_count_max:
            raise ProviderUnavailable("web page", f"{self._viewer_count_max} browsers follow it already")
        viewer = Viewer(size)
        viewer.news.set()
        self._viewers.add(viewer)
        self._deserted.clear()
        self._watched.set()
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            if not self._viewers:
                self._watched.clear()
                self._deserted.set()

    async def frame(self, viewer: Viewer) -> bytes | None:
        """What this viewer has not got, newest of each topic, as server-sent events; `None` when the board closes."""
        while not self._is_closed:
            await viewer.news.wait()
            viewer.news.clear()
            events = []
            for key, version in self._versions.items():
                if viewer.seen.get(key) != version and key.size in {None, viewer.size}:
                    viewer.seen[key] = version
                    events.append(f"event: {key.topic}\ndata: {self._texts[key]}\n\n")
            if events and not self._is_closed:
                return "".join(events).encode()
        return None
