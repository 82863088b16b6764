"""A TCP proxy that can go dead without a word: connections stay open, and nothing passes any more."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class SwallowingProxy:
    """Passes bytes both ways until told to swallow; connections made after `heal` pass again, the old ones never do."""

    def __init__(self) -> None:
        self.is_swallowing = False
        self._dead: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def swallow(self) -> None:
        self.is_swallowing = True
        self._dead |= self._open

    def heal(self) -> None:
        self.is_swallowing = False

    @contextlib.asynccontextmanager
    async def before(self, address: str) -> AsyncIterator[str]:
        """Listen in front of `address`; gives the address to connect to."""
        host, port = address.rsplit(":", 1)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
            self._open |= {writer, far_writer}
            if self.is_swallowing:
                self._dead |= {writer, far_writer}
            try:
                await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
            except asyncio.CancelledError:
                pass  # the test is over
            finally:
                self._open -= {writer, far_writer}
                writer.close()
                far_writer.close()
                self._tasks.discard(task)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                if writer not in self._dead:
                    writer.write(data)
                    await writer.drain()
        if writer not in self._dead:
            writer.close()
