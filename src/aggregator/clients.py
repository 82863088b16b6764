"""The two quote services as single calls. What they refuse comes back as a value, in their own words."""

from collections.abc import Iterable
from typing import Any, Final

import grpc
import grpc.aio

from aggregator import upstream_wire as wire
from aggregator.held import IMPOSSIBLE, HeldQuote, Refusal
from aggregator.oracle import OraclePrice
from quote_core.dex.pool import SwapMode
from quote_core.errors import DeadlinePassed, ProviderUnavailable, UpstreamError
from quote_core.quotes import QuoteKey
from quote_core.serving import QuoteRequest
from quote_core.units import NS_PER_MS, NS_PER_S, Pubkey

__all__ = ["ExternalClient", "LocalClient", "open_stream"]

_NOT_LET_IN: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)


class LocalClient:
    """Single calls to the local quote service."""

    name = "local quote service"

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._quote = _unary(channel, wire.LOCAL_QUOTE)
        self._prices = _unary(channel, wire.LOCAL_PRICES)
        self._pools = _unary(channel, wire.LOCAL_POOLS)
        self._evidence = _unary(channel, wire.LOCAL_EVIDENCE)

    async def quote(self, asked: QuoteRequest, *, timeout_ns: int) -> HeldQuote | Refusal:
        """One quote, or why there is none."""
        try:
            answer = await self._quote(wire.local_request(asked), timeout=timeout_ns / NS_PER_S)
        except grpc.aio.AioRpcError as error:
            return _refusal(self.name, error)
        return _asked_for(self.name, asked, wire.held_local(answer))

    async def explain(self, quote_id: str, *, timeout_ns: int) -> bytes | Refusal:
        """What a quote rests on, encoded, or why that is not known."""
        return await _explained(self.name, self._evidence, quote_id, timeout_ns)

    async def oracle_prices(self, *, timeout_ns: int) -> dict[Pubkey, OraclePrice | None]:
        """Known reference prices.

        Raises:
            UpstreamError: The service does not answer.
        """
        try:
            answer = await self._prices(wire.prices_request(), timeout=timeout_ns / NS_PER_S)
        except grpc.aio.AioRpcError as error:
            raise _upstream_error(self.name, error, timeout_ns) from error
        return wire.oracle_prices(answer)

    async def pools(self, *, timeout_ns: int) -> Iterable[wire.PoolSummary]:
        """All pools.

        Raises:
            UpstreamError: The service does not answer.
        """
        try:
            answer = await self._pools(wire.pools_request(), timeout=timeout_ns / NS_PER_S)
        except grpc.aio.AioRpcError as error:
            raise _upstream_error(self.name, error, timeout_ns) from error
        return tuple(wire.pool_summaries(answer))


class ExternalClient:
    """Single calls to the external quote service."""

    name = "external quote service"

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._quote = _unary(channel, wire.EXTERNAL_QUOTE)
        self._evidence = _unary(channel, wire.EXTERNAL_EVIDENCE)

    async def quote(self, key: QuoteKey, *, slippage_bps: int, timeout_ns: int) -> HeldQuote | Refusal:
        """One quote, or why there is none."""
        try:
            request = wire.external_request(key, slippage_bps=slippage_bps)
            answer = await self._quote(request, timeout=timeout_ns / NS_PER_S)
        except grpc.aio.AioRpcError as error:
            return _refusal(self.name, error)
        return _asked_for(self.name, QuoteRequest.of(key), wire.held_external(answer))

    async def explain(self, quote_id: str, *, timeout_ns: int) -> bytes | Refusal:
        """What a quote rests on, encoded, or why that is not known."""
        return await _explained(self.name, self._evidence, quote_id, timeout_ns)


def open_stream(channel: grpc.aio.Channel, rpc: wire.Rpc) -> Any:
    """A stub of a server-streaming method."""
    return channel.unary_stream(rpc.path, request_serializer=rpc.encode, response_deserializer=rpc.decode)


def _unary(channel: grpc.aio.Channel, rpc: wire.Rpc) -> Any:
    return channel.unary_unary(rpc.path, request_serializer=rpc.encode, response_deserializer=rpc.decode)


async def _explained(service: str, method: Any, quote_id: str, timeout_ns: int) -> bytes | Refusal:
    try:
        evidence: bytes = await method(wire.explain_request(quote_id), timeout=timeout_ns / NS_PER_S)
    except grpc.aio.AioRpcError as error:
        return _refusal(service, error)
    return evidence


def _asked_for(service: str, asked: QuoteRequest, answer: HeldQuote) -> HeldQuote | Refusal:
    pair = answer.key.input_mint, answer.key.output_mint
    if asked.mode is SwapMode.EXACT_IN:
        is_the_amount = answer.key.input_amount == asked.amount
    else:  # some programs round what they give up
        is_the_amount = answer.refusal is not None or answer.output_amount >= asked.amount
    if pair != (asked.input_mint, asked.output_mint) or not is_the_amount:
        return Refusal(IMPOSSIBLE, f"{service}: answered for another pair or amount")
    return answer


def _refusal(service: str, error: grpc.aio.AioRpcError) -> Refusal:
    # A service that is not there has no words of its own, only gRPC's about sockets.
    if error.code() is grpc.StatusCode.UNAVAILABLE and "connect" in (error.details() or "").lower():
        return Refusal("UNAVAILABLE", f"{service}: cannot be reached")
    if error.code() in _NOT_LET_IN:  # whoever asks us can do nothing about it
        return Refusal("UNAVAILABLE", f"{service}: does not let the aggregator in: {error.details()}")
    return Refusal(error.code().name, f"{service}: {error.details()}")


def _upstream_error(service: str, error: grpc.aio.AioRpcError, timeout_ns: int) -> UpstreamError:
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlinePassed(service, timeout_ns // NS_PER_MS)
    return ProviderUnavailable(service, _refusal(service, error).message)
