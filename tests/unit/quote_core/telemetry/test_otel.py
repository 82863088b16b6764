"""Which calls of a gRPC server and client are traced."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from fakes.traced import Spans, parent_of, traced

from quote_core.channel import open_channel
from quote_core.events import Trace
from quote_core.serving import serve
from quote_core.telemetry import traces

ECHO = "/solquote.v1.Echo/GetQuote"
HEALTH = "/solquote.v1.Echo/Health"
SAMPLED = Trace(trace_id=b"t" * 16, span_id=b"s" * 8, flags=1)


async def answer(request: bytes, context: Any) -> bytes:
    """What was asked."""
    del context
    return request


def register(server: grpc.aio.Server) -> None:
    methods = {name: grpc.unary_unary_rpc_method_handler(answer) for name in ("GetQuote", "Health")}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("solquote.v1.Echo", methods),))


@contextlib.asynccontextmanager
async def echoing(*, ratio: float) -> AsyncIterator[tuple[grpc.aio.Channel, Spans]]:
    with traced(ratio=ratio) as spans:
        async with (
            serve(register, services=(), host="127.0.0.1", port=0) as server,
            open_channel(f"127.0.0.1:{server.port}") as channel,
        ):
            yield channel, spans


@pytest.mark.parametrize(("ratio", "count"), [(0.0, 0), (1.0, 3)])
async def test_a_call_from_nowhere_is_drawn_by_the_ratio_and_health_is_never(ratio: float, count: int):
    async with echoing(ratio=ratio) as (channel, spans):
        for _ in range(3):
            assert await channel.unary_unary(ECHO)(b"one", wait_for_ready=True) == b"one"
            await channel.unary_unary(HEALTH)(b"well?")
    told = spans.exporter.get_finished_spans()
    assert len(told) == count
    assert {parent_of(span) for span in told} <= {0}
    assert {span.name.lstrip("/") for span in told} <= {ECHO.lstrip("/")}


async def test_a_call_inside_of_a_trace_goes_on_in_it_whatever_the_ratio():
    async with echoing(ratio=0.0) as (channel, spans):
        with traces.creating("plan.SOL-USDC", parent=SAMPLED):
            await channel.unary_unary(ECHO)(b"one", wait_for_ready=True)
    created = spans.one("create plan")
    server, client = (span for span in spans.exporter.get_finished_spans() if span is not created)
    assert parent_of(client) == created.context.span_id
    assert parent_of(server) == client.context.span_id
    assert {span.context.trace_id for span in (server, client)} == {int.from_bytes(SAMPLED.trace_id)}
