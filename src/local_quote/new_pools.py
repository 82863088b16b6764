"""Hear of pools as they come to be: the discovery's questions, asked once as subscriptions.

Only addresses are asked for: of pools known already every swap is notified, too. What an address is, and whether it is
worth holding, is the discovery's to say, which is all there is where a node refuses to tell of programs.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, Final

import aiohttp
import orjson
import structlog

from local_quote.discovery import DiscoveryCounts
from quote_core.dex.programs import PoolFilter
from quote_core.errors import RpcFailed
from quote_core.solana import Endpoint, Endpoints
from quote_core.solana.codec import encode_request, with_context
from quote_core.units import Pubkey

__all__ = ["NewPools"]

_HANDSHAKE_S: Final = 5.0
_HEARTBEAT_S: Final = 10.0
_BACKOFF_S_MIN: Final = 1.0
_BACKOFF_S_MAX: Final = 60.0
_REFUSED_PAUSE_S: Final = 600.0
"""A node that refused all is asked again after this; the searches find meanwhile what there is."""
_MESSAGE_SIZE_BYTES_MAX: Final = 64 * 1024
_ALL_REFUSED: Final = "every subscription was refused"


class NewPools:
    """Keeps subscriptions on one endpoint after another.

    Args:
        endpoints: Where to subscribe.
        questions: Which accounts are pools of interest.
        commitment: Of all subscriptions.
        counts: Where refusals are counted.
        on_seen: Told the address of every pool that is new or has changed; must not block.
    """

    def __init__(
        self,
        *,
        endpoints: Endpoints,
        questions: Sequence[PoolFilter],
        commitment: str,
        counts: DiscoveryCounts,
        on_seen: Callable[[Pubkey], None],
    ) -> None:
        self._endpoints = endpoints
        self._questions = questions
        self._config = {
            "encoding": "base64",
            "commitment": commitment,
            "dataSlice": {"offset": 0, "length": 0},
        }
        self._counts = counts
        self._on_seen = on_seen
        self._told = ""
        self._log = structlog.get_logger(part="new_pools")

    async def run(self) -> None:
        """Listen until cancelled."""
        if not self._questions:
            return
        backoff_s, endpoint = _BACKOFF_S_MIN, self._endpoints.to_subscribe()
        while True:
            standing_count = 0
            try:
                standing_count, reason = await self._listen(endpoint)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                reason = f"{type(error).__name__}: {error}"
            if standing_count:
                backoff_s = _BACKOFF_S_MIN
            is_refused = reason == _ALL_REFUSED
            if not is_refused:
                self._log.info(
                    "new pools are not told of until the next connection", endpoint=endpoint.name, reason=reason
                )
            endpoint = self._endpoints.to_subscribe(without=endpoint)
            pause_s = _REFUSED_PAUSE_S if is_refused else backoff_s
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            backoff_s = min(2 * backoff_s, _BACKOFF_S_MAX)

    async def _listen(self, endpoint: Endpoint) -> tuple[int, str]:
        """Serve one connection until it ends; how many subscriptions stood on it, and why it ended."""
        async with asyncio.timeout(_HANDSHAKE_S):
            socket = await endpoint.session.ws_connect(
                endpoint.address.ws_url, max_msg_size=_MESSAGE_SIZE_BYTES_MAX, heartbeat=_HEARTBEAT_S
            )
        standing_count = refused_count = 0
        async with socket:
            for number, question in enumerate(self._questions):
                config = self._config | {"filters": question.rpc_filters()}
                await socket.send_str(
                    encode_request(number, "programSubscribe", [question.program_id, config]).decode()
                )
            async for message in socket:
                if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    break
                content = _object(message.data)
                if content.get("method") == "programNotification":
                    self._notified(content)
                elif "error" in content:
                    refused_count += 1
                    self._refused(endpoint, content["error"])
                elif "result" in content:
                    standing_count += 1
                if refused_count == len(self._questions):
                    return 0, _ALL_REFUSED
        return standing_count, "closed by the node"

    def _notified(self, content: dict[str, Any]) -> None:
        params = content.get("params")
        try:
            _, value = with_context("programNotification", params.get("result") if isinstance(params, dict) else None)
        except RpcFailed:
            return  # the next search finds it
        pubkey = value.get("pubkey") if isinstance(value, dict) else None
        if isinstance(pubkey, str):
            self._on_seen(Pubkey(pubkey))

    def _refused(self, endpoint: Endpoint, error: object) -> None:
        self._counts.follow_refused_count += 1
        reason = str(error)[:200]
        if reason != self._told:  # each once, for it is asked again and again
            self._told = reason
            self._log.warning("new pools are found by searching alone", endpoint=endpoint.name, reason=reason)


def _object(data: str | bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}
