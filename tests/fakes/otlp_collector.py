"""A collector of OTLP over HTTP, as Jaeger or Tempo has one: keeps what processes send it."""

import contextlib
import http.server
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class CollectedSpan:
    """What a test looks at of one."""

    trace_id: str
    service: str
    name: str
    span_id: str
    parent_id: str
    start_unix_ns: int


@dataclass
class Collector:
    """Spans by trace."""

    url: str = ""
    traces: dict[str, list[CollectedSpan]] = field(default_factory=lambda: defaultdict(list))
    news: threading.Condition = field(default_factory=threading.Condition)

    def take(self, request: ExportTraceServiceRequest) -> None:
        with self.news:
            for of_process in request.resource_spans:
                resource = {each.key: each.value.string_value for each in of_process.resource.attributes}
                for scope in of_process.scope_spans:
                    for span in scope.spans:
                        trace_id = span.trace_id.hex()
                        self.traces[trace_id].append(
                            CollectedSpan(
                                trace_id,
                                resource["service.name"],
                                span.name,
                                span.span_id.hex(),
                                span.parent_span_id.hex(),
                                span.start_time_unix_nano,
                            )
                        )
            self.news.notify_all()

    def with_names(self, names: Sequence[str], *, seconds: float) -> list[CollectedSpan]:
        """The spans of the first trace that has all these, once there is one and nothing in it hangs in the air."""

        def found() -> list[CollectedSpan] | None:
            return next(
                (
                    spans
                    for spans in self.traces.values()
                    if set(names) <= {span.name for span in spans}
                    and {span.parent_id for span in spans} <= {"", *(span.span_id for span in spans)}
                ),
                None,
            )

        with self.news:
            assert self.news.wait_for(found, timeout=seconds), sorted(
                {span.name for spans in self.traces.values() for span in spans}
            )
            spans = found()
            assert spans is not None
            return list(spans)


@contextlib.contextmanager
def collecting() -> Iterator[Collector]:
    """One that listens on a port of its own."""
    collector = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.take(ExportTraceServiceRequest.FromString(body))
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Not on a test's standard error."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        collector.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
