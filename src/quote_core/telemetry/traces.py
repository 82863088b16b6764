"""Traces of a process: spans by OpenTelemetry's conventions where an exporter is set, and nothing at all where none is.

| exporter | imports OpenTelemetry | a span is                                              |
|----------|-----------------------|--------------------------------------------------------|
| none     | no                    | a check whether there is a tracer                      |
| console  | yes                   | a line of the log                                      |
| otlp     | yes                   | sent to a collector, in batches, by a thread of its own|

Parts ask here and know nothing of OpenTelemetry: `telemetry.otel` alone does. An event takes its trace context along in
its header; how a quote is followed through shared memory, which has no place for one, is `telemetry.quote_ids`.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:  # commands that only open a channel wait for no schema of events
    from quote_core.events.types import Header, Trace
    from quote_core.telemetry.quote_ids import QuoteIds

__all__ = [
    "SAMPLED",
    "Attributes",
    "ExporterMissing",
    "Tracer",
    "annotate",
    "client_interceptors",
    "created_in",
    "creating",
    "current_ids",
    "doing",
    "install",
    "processing",
    "sending",
    "server_interceptors",
    "start_traces",
    "tracer",
]

SAMPLED: Final = 1
"""The flag of a trace that is recorded; W3C trace context."""

Attributes = Mapping[str, str | int | float | bool]


class Tracer(Protocol):
    """What `telemetry.otel` is to the parts."""

    quotes: "QuoteIds"
    server_interceptors: Sequence[Any]
    client_interceptors: Sequence[Any]

    def span(
        self, name: str, *, kind: str, parent: "Trace | None", attributes: Attributes, link: "Trace | None" = None
    ) -> AbstractContextManager[None]:
        """A span around some work; without a `parent` it belongs to the span that is current, if any."""
        ...

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
        """Tell of a span that is over; a `parent_span_id` of 0 begins the trace."""
        ...

    def annotate(self, attributes: Attributes) -> None:
        """Say more of the current span."""
        ...

    def current(self) -> "Trace | None":
        """The span that is current, `None` without one."""
        ...


_tracer: Tracer | None = None
_NO_SPAN: Final[AbstractContextManager[None]] = contextlib.nullcontext()


def tracer() -> Tracer | None:
    """The tracer of this process; `None` where nothing is traced."""
    return _tracer


class ExporterMissing(Exception):
    """Spans are to be exported, and OpenTelemetry is not installed; `module` is what was looked for."""

    def __init__(self, module: str | None) -> None:
        self.module = module
        super().__init__(f"needs {module}, which comes with pip install 'solquote[telemetry]'")


@contextlib.contextmanager
def start_traces(service: str, *, exporter: str, endpoint: str, ratio: float, run_id: str) -> Iterator[None]:
    """Trace this process while the context lasts; at its end what is not sent yet is sent, for a bounded time.

    Args:
        service: Name of the process.
        exporter: `none`, `console` or `otlp`.
        endpoint: Of OTLP over HTTP; empty = the SDK's own, e.g. of `OTEL_EXPORTER_OTLP_ENDPOINT`.
        ratio: Which share of the traces that begin here is sampled, 0 to 1.
        run_id: Which run this is; all processes of a platform have the same.

    Raises:
        ExporterMissing: There is an exporter, and no OpenTelemetry.
    """
    if exporter == "none":
        yield
        return
    try:
        from quote_core.telemetry.otel import open_tracer  # noqa: PLC0415  # half a second, for whom it is wanted
        from quote_core.telemetry.quote_ids import QuoteIds  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ExporterMissing(error.name) from None
    ids = QuoteIds(run_id=run_id, ratio=ratio)
    with open_tracer(service, exporter=exporter, endpoint=endpoint, ids=ids, ratio=ratio) as opened, install(opened):
        yield


@contextlib.contextmanager
def install(opened: Tracer) -> Iterator[None]:
    """Make a tracer this process's own while the context lasts."""
    global _tracer  # noqa: PLW0603  # one a process, as the logger is
    before, _tracer = _tracer, opened
    try:
        yield
    finally:
        _tracer = before


def created_in(otherwise: "Trace") -> "Trace":
    """The trace context of what is created now: that of the current span, or of what it was created from."""
    if _tracer is None:
        return otherwise
    return _tracer.current() or otherwise


def current_ids() -> tuple[str, str] | None:
    """Trace and span id of the current span in hex, as logs and exemplars tell them; `None` when it is not recorded."""
    if _tracer is None:
        return None
    now = _tracer.current()
    return (now.trace_id.hex(), now.span_id.hex()) if now is not None and now.flags & SAMPLED else None


def creating(subject: str, *, parent: "Trace", link: "Trace | None" = None) -> AbstractContextManager[None]:
    """The span in which an event is created, below `parent`."""
    return _messaging("create", subject, kind="producer", parent=parent, link=link)


def sending(subject: str, *, size_bytes: int) -> AbstractContextManager[None]:
    """The span in which a message is sent; only inside of another one."""
    return _messaging("send", subject, kind="producer", parent=None, size_bytes=size_bytes)


def processing(subject: str, header: "Header") -> AbstractContextManager[None]:
    """The span in which an event is worked off, below that in which it was created."""
    return _messaging("process", subject, kind="consumer", parent=header.trace, event_id=header.event_id)


def doing(name: str, attributes: Attributes, *, parent: "Trace | None" = None) -> AbstractContextManager[None]:
    """A span around a part of the work in hand: of the current span, or of one below `parent`."""
    if _tracer is None or not _is_traced(_tracer, parent):
        return _NO_SPAN
    return _tracer.span(name, kind="internal", parent=parent, attributes=attributes)


def annotate(attributes: Attributes) -> None:
    """Say more of the current span, if there is one."""
    if _tracer is not None:
        _tracer.annotate(attributes)


def server_interceptors() -> Sequence[Any]:
    """What a gRPC server is given."""
    return () if _tracer is None else _tracer.server_interceptors


def client_interceptors() -> Sequence[Any]:
    """What a gRPC channel is given."""
    return () if _tracer is None else _tracer.client_interceptors


def _is_traced(tracer: Tracer, parent: "Trace | None") -> bool:
    return tracer.current() is not None if parent is None else any(parent.trace_id)


def _messaging(
    operation: str,
    subject: str,
    *,
    kind: str,
    parent: "Trace | None",
    link: "Trace | None" = None,
    size_bytes: int | None = None,
    event_id: bytes = b"",
) -> AbstractContextManager[None]:
    """Source: OpenTelemetry's semantic conventions of messaging spans; the name takes no part that varies."""
    if _tracer is None or not _is_traced(_tracer, parent):
        return _NO_SPAN
    family = subject.partition(".")[0]
    attributes: dict[str, str | int] = {
        "messaging.system": "nats",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": subject,
    }
    if size_bytes is not None:
        attributes["messaging.message.body.size"] = size_bytes
    if event_id:
        attributes["messaging.message.id"] = event_id.hex()
    return _tracer.span(f"{operation} {family}", kind=kind, parent=parent, attributes=attributes, link=link)
