"""Start a gRPC server as every service of this platform does, and stop it gracefully."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import cast

import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from quote_core.access.control import AccessControl
from quote_core.addresses import why_not_bound, with_port
from quote_core.channel import KEEPALIVE_TIME_MS, KEEPALIVE_TIMEOUT_MS, MESSAGE_BYTES_MAX
from quote_core.errors import ProviderUnavailable
from quote_core.serving.credentials import following_credentials
from quote_core.serving.grpc_gate import GrpcGate
from quote_core.serving.reflection import add_reflection
from quote_core.serving.work import CountedServer
from quote_core.telemetry.calls import CallCounter
from quote_core.telemetry.traces import server_interceptors

__all__ = ["STOP_GRACE_S", "Server", "serve"]

STOP_GRACE_S = 2.0
"""How long a stopping server lets calls in flight finish."""

_PING_INTERVAL_MS_MIN = 1_000
"""Clients may ping this often, also without a call; by default gRPC answers a ping every 10 s with GOAWAY."""

_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second server on the port must fail, not share it
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", _PING_INTERVAL_MS_MIN),
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),  # a subscriber that vanished gives its rows back
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.server_handshake_timeout_ms", 10_000),  # a connection that never speaks HTTP/2 is closed; default 120 s
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: the port it got, and the switch of its `grpc.health.v1` answers."""

    port: int
    _health: health.aio.HealthServicer
    _services: tuple[str, ...]

    async def set_serving(self, *, serving: bool) -> None:
        """Say SERVING or NOT_SERVING for the whole server and each of its services."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", *self._services):
            await self._health.set(service, status)


@contextlib.asynccontextmanager
async def serve(
    register: Callable[[grpc.aio.Server], None],
    *,
    services: Sequence[str],
    host: str,
    port: int,
    calls: CallCounter | None = None,
    access: AccessControl | None = None,
) -> AsyncIterator[Server]:
    """Run a server while the context lasts; it starts as NOT_SERVING.

    Args:
        register: Adds the servicers, e.g. `partial(add_LocalQuoteServiceServicer_to_server, servicer)`.
        services: Full names for reflection and health, e.g. `solquote.v1.LocalQuoteService`.
        host: Address to bind.
        port: Port to bind; 0 lets the kernel choose.
        calls: Counts the calls.
        access: Who may ask, and how much; without it everybody.

    Raises:
        ProviderUnavailable: The address cannot be bound.
    """
    server = grpc.aio.server(options=(*_OPTIONS, *_bounds(access)), interceptors=server_interceptors())
    gate = None
    if access is not None:
        gate = GrpcGate(access.gate, has_certificates=access.platform.tls_client_ca is not None)
    counting = CountedServer(server, calls or CallCounter(), gate)
    counted = cast("grpc.aio.Server", counting)  # as much of one as registering takes
    register(counted)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, counted)
    add_reflection(counted, (*services, health.SERVICE_NAME))
    counting.count_others()
    fault = why_not_bound(host, port)
    if fault:  # asked first, since gRPC's core writes its own lines about it
        raise ProviderUnavailable(with_port(host, port), f"cannot listen: {fault}")
    try:
        if access is None or access.certificates is None:
            bound_port = server.add_insecure_port(with_port(host, port))
        else:
            bound_port = server.add_secure_port(with_port(host, port), following_credentials(access))
    except RuntimeError as error:
        raise ProviderUnavailable(with_port(host, port), "cannot listen: the address was taken this moment") from error
    running = Server(bound_port, health_servicer, tuple(services))
    await running.set_serving(serving=False)
    await server.start()
    try:
        yield running
    finally:
        await asyncio.shield(_stop(server, health_servicer))


def _bounds(access: AccessControl | None) -> Sequence[tuple[str, int]]:
    if access is None:
        return (("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),)
    return (
        ("grpc.max_receive_message_length", access.platform.request_bytes_max),
        ("grpc.max_concurrent_streams", access.platform.connection_call_count_max),
        ("grpc.max_allowed_incoming_connections", access.platform.connection_count_max),
    )


async def _stop(server: grpc.aio.Server, health_servicer: health.aio.HealthServicer) -> None:
    await health_servicer.enter_graceful_shutdown()
    await server.stop(STOP_GRACE_S)
