"""Simulates routes with the local quote service, over one channel that reconnects by itself."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import grpc
import grpc.aio

from pipeline.simulation import RouteHopRequest, Simulation
from pipeline.wire import route_call, simulate_route
from quote_core.access.caller import Caller
from quote_core.errors import DeadlinePassed, InvalidField, NoLiquidity, ProviderUnavailable, SolquoteError
from quote_core.serving import open_channel

__all__ = ["LocalQuoteSimulator", "connect_simulator"]

LOCAL_QUOTE: Final = "local_quote"
"""What the service is called in errors."""

_MARKET_SAYS_NO: Final = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND)


class LocalQuoteSimulator:
    """See `pipeline.simulation.RouteSimulator`."""

    def __init__(self, channel: grpc.aio.Channel, *, timeout_ns: int) -> None:
        self._call = route_call(channel)
        self._timeout_ns = timeout_ns

    async def simulate(
        self, hops: tuple[RouteHopRequest, ...], amount_in: int, *, with_taken: bool = False
    ) -> Simulation:
        """See `RouteSimulator.simulate`."""
        try:
            return await simulate_route(
                self._call, hops, amount_in, with_taken=with_taken, timeout_s=self._timeout_ns / 1e9
            )
        except grpc.aio.AioRpcError as error:
            raise self._translated(error) from error

    def _translated(self, error: grpc.aio.AioRpcError) -> SolquoteError:
        details = error.details() or error.code().name
        if error.code() in _MARKET_SAYS_NO:
            return NoLiquidity("route", details)
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            return InvalidField("route", details)
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlinePassed(LOCAL_QUOTE, self._timeout_ns // 1_000_000)
        return ProviderUnavailable(LOCAL_QUOTE, details)


@contextlib.asynccontextmanager
async def connect_simulator(address: str, caller: Caller, *, timeout_ns: int) -> AsyncIterator[LocalQuoteSimulator]:
    """A simulator while the context lasts; the service need not be there yet.

    Args:
        address: Of the local quote service, such as `127.0.0.1:50052`.
        caller: Who asks it.
        timeout_ns: Longest wait for one simulation.
    """
    async with open_channel(address, caller) as channel:
        yield LocalQuoteSimulator(channel, timeout_ns=timeout_ns)
