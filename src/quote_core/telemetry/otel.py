"""OpenTelemetry's SDK behind `telemetry.traces`; imported by nobody else, and only where an exporter is set.

`OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`, `OTEL_RESOURCE_ATTRIBUTES` and the limits `OTEL_SPAN_*` are heeded by the SDK
itself. What we have a setting for is taken from the setting: docs/traces.md lists both.
"""

import contextlib
import os
import random
import socket
import threading
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any, Final

import grpc.aio
import requests
import structlog
from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.grpc import aio_client_interceptors, aio_server_interceptor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased

from quote_core.addresses import is_proxied
from quote_core.events.types import NO_TRACE, Trace
from quote_core.telemetry.quote_ids import QuoteIds
from quote_core.telemetry.traces import Attributes

__all__ = ["OtelTracer", "open_tracer"]

CLOSE_S_MAX: Final = 1.0
"""A collector that does not answer keeps no process from ending."""
_OURS: Final = "/solquote."
_UNTRACED: Final = ("/Stream", "/Health")
"""A stream's one span would end with the stream, days later, and its interceptor would cost each message something."""
_TRACEPARENT: Final = "traceparent"
_KINDS: Final = {
    "internal": otel.SpanKind.INTERNAL,
    "producer": otel.SpanKind.PRODUCER,
    "consumer": otel.SpanKind.CONSUMER,
}


@contextlib.contextmanager
def open_tracer(service: str, *, exporter: str, endpoint: str, ids: QuoteIds, ratio: float) -> Iterator["OtelTracer"]:
    """The tracer of a process; see `traces.start_traces`."""
    to: SpanExporter = _Console() if exporter == "console" else _otlp(endpoint)
    tracer = OtelTracer(service, to, ids=ids, ratio=ratio, is_batched=exporter == "otlp")
    try:
        yield tracer
    finally:
        tracer.close()


class OtelTracer:
    """See `traces.Tracer`.

    Args:
        service: Name of the process.
        exporter: Where finished spans go.
        ids: Of quotes.
        ratio: Which share of traces that begin here is sampled; one that began elsewhere is as it was there.
        is_batched: Whether spans are handed on by a thread of their own, and not at once.
    """

    def __init__(self, service: str, exporter: SpanExporter, *, ids: QuoteIds, ratio: float, is_batched: bool) -> None:
        self._exporter = exporter
        self._ids = _Ids()
        self._provider = TracerProvider(
            resource=Resource.create(
                {
                    "service.name": service,
                    "service.namespace": "solquote",
                    "service.version": version("solquote"),
                    "service.instance.id": f"{socket.gethostname()}/{os.getpid()}",
                }
            ),
            sampler=ParentBased(ALWAYS_ON),  # whatever begins here was drawn before: a quote by its id, a call by lot
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        processor = BatchSpanProcessor(exporter) if is_batched else SimpleSpanProcessor(exporter)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("solquote", version("solquote"))
        self.quotes = ids
        self.server_interceptors: Sequence[Any] = (_Drawing(aio_server_interceptor(self._provider), ratio),)
        self.client_interceptors: Sequence[Any] = [
            _InsideSpans(interceptor)
            for interceptor in aio_client_interceptors(self._provider)
            if isinstance(interceptor, grpc.aio.UnaryUnaryClientInterceptor)
        ]

    @contextlib.contextmanager
    def span(
        self, name: str, *, kind: str, parent: Trace | None, attributes: Attributes, link: Trace | None = None
    ) -> Iterator[None]:
        """See `traces.Tracer`; an error that leaves it is told in the span."""
        span = self._tracer.start_span(
            name,
            None if parent is None else _context(parent),
            kind=_KINDS[kind],
            attributes=attributes,
            links=[otel.Link(_span_context(link))] if link is not None and link.flags else (),
        )
        with otel.use_span(span, end_on_exit=True):
            yield

    def annotate(self, attributes: Attributes) -> None:
        """See `traces.Tracer`."""
        otel.get_current_span().set_attributes(attributes)

    def current(self) -> Trace | None:
        """See `traces.Tracer`."""
        context = otel.get_current_span().get_span_context()
        if not context.is_valid:
            return None
        return Trace(
            trace_id=context.trace_id.to_bytes(16),
            span_id=context.span_id.to_bytes(8),
            flags=int(context.trace_flags.sampled),
        )

    def record(
        self,
        name: str,
        *,
        trace_id: int,
        span_id: int,
        parent_span_id: int,
        start_unix_ns: int,
        end_unix_ns: int,
        attributes: Attributes,
    ) -> None:
        """See `traces.Tracer`."""
        parent = NO_TRACE
        if parent_span_id:
            parent = Trace(trace_id=trace_id.to_bytes(16), span_id=parent_span_id.to_bytes(8), flags=1)
        with self._ids.fixed(trace_id, span_id):
            span = self._tracer.start_span(name, _context(parent), attributes=attributes, start_time=start_unix_ns)
        span.end(end_unix_ns)

    def close(self) -> None:
        """Send what is not sent yet, as far as that goes in `CLOSE_S_MAX`, and no more."""
        giving_up = threading.Timer(CLOSE_S_MAX, self._exporter.shutdown)
        giving_up.start()
        self._provider.shutdown()
        giving_up.cancel()


class _Ids(RandomIdGenerator):
    """Random ids, but for spans whose ids follow from what they are about."""

    def __init__(self) -> None:
        self._fixed: tuple[int, int] | None = None

    @contextlib.contextmanager
    def fixed(self, trace_id: int, span_id: int) -> Iterator[None]:
        """The next span has these."""
        self._fixed = trace_id, span_id
        try:
            yield
        finally:
            self._fixed = None

    def generate_trace_id(self) -> int:
        return self._fixed[0] if self._fixed else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return self._fixed[1] if self._fixed else super().generate_span_id()


class _Drawing(grpc.aio.ServerInterceptor):
    """Traces calls that belong to a trace, and some of the others; what is not drawn costs a look at its metadata."""

    def __init__(self, traced: grpc.aio.ServerInterceptor, ratio: float) -> None:
        self._traced = traced
        self._ratio = ratio

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        """See the base class."""
        if _is_traced(handler_call_details.method) and (
            any(key == _TRACEPARENT for key, _ in handler_call_details.invocation_metadata)
            or random.random() < self._ratio
        ):
            return await self._traced.intercept_service(continuation, handler_call_details)
        return await continuation(handler_call_details)


class _InsideSpans(grpc.aio.UnaryUnaryClientInterceptor):
    """Traces calls that a span makes; what a process asks of others all the time begins no trace."""

    def __init__(self, traced: grpc.aio.UnaryUnaryClientInterceptor) -> None:
        self._traced = traced

    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """See the base class."""
        if otel.get_current_span().get_span_context().is_valid:
            return await self._traced.intercept_unary_unary(continuation, client_call_details, request)
        return await continuation(client_call_details, request)


class _Console(SpanExporter):
    """A line of the log a span, so that a terminal shows it as readable as any other."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        log = structlog.get_logger(part="trace")
        for span in spans:
            context = span.get_span_context()
            assert context is not None, span.name
            log.info(
                "span",
                name=span.name,
                took_us=((span.end_time or 0) - (span.start_time or 0)) // 1_000,
                trace_id=f"{context.trace_id:032x}",
                span_id=f"{context.span_id:016x}",
                parent_id=f"{span.parent.span_id:016x}" if span.parent else "",
                **{"error": span.status.description} if not span.status.is_ok else {},
                attributes=dict(span.attributes or {}),
            )
        return SpanExportResult.SUCCESS


def _otlp(endpoint: str) -> OTLPSpanExporter:
    if not endpoint:  # the SDK's own: OTEL_EXPORTER_OTLP_ENDPOINT, or this machine's collector
        return OTLPSpanExporter()
    session = requests.Session()
    session.trust_env = is_proxied(endpoint)
    return OTLPSpanExporter(endpoint=endpoint, session=session)


def _is_traced(method: str) -> bool:
    return method.startswith(_OURS) and not any(part in method for part in _UNTRACED)


def _context(parent: Trace) -> Any:
    span = otel.NonRecordingSpan(_span_context(parent)) if parent != NO_TRACE else otel.INVALID_SPAN
    return otel.set_span_in_context(span)


def _span_context(trace: Trace) -> otel.SpanContext:
    return otel.SpanContext(
        trace_id=int.from_bytes(trace.trace_id),
        span_id=int.from_bytes(trace.span_id),
        is_remote=True,
        trace_flags=otel.TraceFlags(trace.flags),
    )
