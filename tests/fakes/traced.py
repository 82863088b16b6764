"""A process that is traced, with its finished spans at hand."""

import contextlib
from collections.abc import Iterator

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from quote_core.telemetry.otel import OtelTracer
from quote_core.telemetry.quote_ids import QuoteIds
from quote_core.telemetry.traces import install

RUN_ID = "recorded-1"


class Spans:
    """What was told so far."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    def named(self, name: str) -> list[ReadableSpan]:
        """All of this name, as they ended."""
        return [span for span in self.exporter.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        """The only one of this name."""
        (span,) = self.named(name)
        return span


@contextlib.contextmanager
def traced(*, ratio: float = 1.0) -> Iterator[Spans]:
    """This process, while the context lasts."""
    spans = Spans()
    ids = QuoteIds(run_id=RUN_ID, ratio=ratio)
    tracer = OtelTracer("test", spans.exporter, ids=ids, ratio=ratio, is_batched=False)
    with install(tracer):
        yield spans
    tracer.close()


def parent_of(span: ReadableSpan) -> int:
    """The id of the span above, 0 = there is none."""
    return span.parent.span_id if span.parent is not None else 0
