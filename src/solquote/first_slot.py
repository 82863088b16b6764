"""The first slot that a node tells, waited for in a thread: a chain has one every 0.4 s, and none comes sooner.

`solquote doctor` begins with this, and loads meanwhile what it asks everything else with.
"""

import asyncio
import json
import threading
from concurrent.futures import Future
from typing import Final

from quote_core.solana.session import open_session

__all__ = ["FirstSlot"]

_SLOT_WAIT_S: Final = 3.0


class FirstSlot:
    """A subscription that is under way as soon as this is made, and ends by itself.

    Args:
        url: Of the node's WebSocket.
        timeout_s: For all of it.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._slot: Future[int | None] = Future()
        threading.Thread(target=self._work, name="first slot", daemon=True).start()

    async def slot(self) -> int | None:
        """The slot; `None` when the node hung up before it told one.

        Raises:
            aiohttp.ClientError, OSError, ValueError: It cannot be reached, or talks of something else.
            TimeoutError: No slot came in time.
        """
        return await asyncio.wrap_future(self._slot)

    def _work(self) -> None:
        try:
            self._slot.set_result(asyncio.run(self._told()))
        except Exception as error:  # noqa: BLE001  # raised where it is waited for
            self._slot.set_exception(error)

    async def _told(self) -> int | None:
        async with (
            asyncio.timeout(self._timeout_s),
            open_session(self._url) as session,
            session.ws_connect(self._url) as socket,
        ):
            await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "slotSubscribe"})
            async with asyncio.timeout(_SLOT_WAIT_S):
                async for message in socket:
                    slot = _slot_in(message.data)
                    if slot is not None:
                        return slot
        return None


def _slot_in(text: str | bytes) -> int | None:
    """The slot of a notification; `None` for any other message.

    Raises:
        ValueError: It is no message of a node.
    """
    content = json.loads(text)
    try:
        return int(content["params"]["result"]["slot"]) if content.get("method") == "slotNotification" else None
    except (TypeError, LookupError, AttributeError) as error:
        raise ValueError("not a message of a node") from error
