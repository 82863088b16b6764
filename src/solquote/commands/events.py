"""`solquote events tail | dump | replay | stats`: what passes on the bus, what streams keep, who reads how far."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from quote_core.clock import SYSTEM_CLOCK
from quote_core.settings import PlatformSettings
from quote_core.units import NS_PER_MS
from solquote.commands.options import DataDir, Json, Pair, Streams, Timeout, Types, found_environment
from solquote.event_pace import ReplayPace
from solquote.formatting import age_text, size_text, span_text
from solquote.lean_libraries import load_bus_libraries
from solquote.moments import Since, Until, bounds_of
from solquote.output import answer_json, make_console

if TYPE_CHECKING:
    from quote_core.bus.survey import ConsumerSurvey, StreamSurvey
    from solquote.event_counts import EventCount
    from solquote.event_filter import EventFilter
    from solquote.event_reading import Surveyed

__all__ = ["events"]

events = typer.Typer(help="Look at the events on the bus.", no_args_is_help=True)

_COUNT_MAX: Final = 1_000_000_000
Count = Annotated[
    int | None, typer.Option("-n", "--count", help="End after so many", min=1, max=_COUNT_MAX, metavar="N")
]

Speed = Annotated[
    float, typer.Option(help="Times as fast as it was stored", min=0.001, max=1_000_000, metavar="FACTOR")
]


def _asked(data_dir: DataDir, stream: Streams, of_type: Types, pair: Pair) -> tuple[PlatformSettings, "EventFilter"]:
    """Where to look, and for what."""
    from quote_core.tokens import load_tokens  # noqa: PLC0415  # with a library of keys
    from solquote.event_filter import make_filter  # noqa: PLC0415  # with every type of event

    platform = PlatformSettings.load(environ=found_environment(data_dir))
    return platform, make_filter(stream, of_type, pair, registry=load_tokens(platform.tokens_path))


@events.command()
def tail(
    *,
    stream: Streams = None,
    of_type: Types = None,
    pair: Pair = None,
    count: Count = None,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show events as they come, until Ctrl-C: short lines on a terminal, JSON lines into a pipe."""
    platform, wanted = _asked(data_dir, stream, of_type, pair)
    load_bus_libraries()
    from solquote.event_reading import tail_events  # noqa: PLC0415  # NATS is loaded for the call only

    tail_events(platform, wanted, count or _COUNT_MAX, as_json=_is_json(as_json), timeout_s=timeout)


@events.command()
def dump(
    *,
    since: Since = None,
    until: Until = None,
    stream: Streams = None,
    of_type: Types = None,
    pair: Pair = None,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print what the streams keep, in the order in which it was stored."""
    platform, wanted = _asked(data_dir, stream, of_type, pair)
    first, end = bounds_of(since, until, now_unix_ns=SYSTEM_CLOCK.unix_ns())
    load_bus_libraries()
    from solquote.event_reading import dump_events  # noqa: PLC0415  # NATS is loaded for the call only

    dump_events(platform, wanted, first, end, as_json=_is_json(as_json), timeout_s=timeout)


@events.command()
def replay(
    *,
    since: Since = None,
    until: Until = None,
    stream: Streams = None,
    of_type: Types = None,
    pair: Pair = None,
    speed: Speed = 1.0,
    count: Count = None,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print what the streams keep at the pace at which it was stored, or `--speed` times as fast; publishes nothing."""
    platform, wanted = _asked(data_dir, stream, of_type, pair)
    first, end = bounds_of(since, until, now_unix_ns=SYSTEM_CLOCK.unix_ns())
    load_bus_libraries()
    from solquote.event_reading import replay_events  # noqa: PLC0415  # NATS is loaded for the call only

    pace = ReplayPace(speed, count or _COUNT_MAX)
    replay_events(platform, wanted, first, end, pace, as_json=_is_json(as_json), timeout_s=timeout)


@events.command()
def stats(
    *,
    since: Since = None,
    until: Until = None,
    stream: Streams = None,
    of_type: Types = None,
    pair: Pair = None,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show what each stream holds, its bounds, and its readers with their lag.

    With --type, --pair, --since or --until: read what is kept of these and count it by type, which knows no bounds and
    no readers; JSON lines into a pipe.
    """
    platform, wanted = _asked(data_dir, stream, of_type, pair)
    first, end = bounds_of(since, until, now_unix_ns=SYSTEM_CLOCK.unix_ns())
    load_bus_libraries()
    if of_type or pair is not None or since is not None or until is not None:
        _show_counts(platform, wanted, first, end, as_json=_is_json(as_json), timeout_s=timeout)
    else:
        _show_surveys(platform, wanted, as_json=as_json, timeout_s=timeout)


def _show_counts(
    platform: PlatformSettings,
    wanted: "EventFilter",
    since_unix_ns: int | None,
    until_unix_ns: int | None,
    *,
    as_json: bool,
    timeout_s: float,
) -> None:
    from solquote.event_reading import count_events  # noqa: PLC0415  # NATS is loaded for the call only

    counts = count_events(platform, wanted, since_unix_ns, until_unix_ns, timeout_s=timeout_s)
    if as_json:
        for count in counts:
            answer_json(count.as_json())
    else:
        make_console().print(_count_table(counts), _WHAT_IS_COUNTED, sep="\n\n")


def _show_surveys(platform: PlatformSettings, wanted: "EventFilter", *, as_json: bool, timeout_s: float) -> None:
    from solquote.event_reading import survey_streams  # noqa: PLC0415  # NATS is loaded for the call only

    surveys = survey_streams(platform, wanted.streams, timeout_s=timeout_s)
    if as_json:
        answer_json({"streams": [_survey_json(survey, consumers) for survey, consumers in surveys]})
    else:
        make_console().print(_survey_table(surveys), _consumer_table(surveys), sep="\n\n")


def _is_json(as_json: bool) -> bool:
    return as_json or not sys.stdout.isatty()


def _survey_json(survey: "StreamSurvey", consumers: "list[ConsumerSurvey] | None") -> dict[str, object]:
    return {
        "stream": survey.stream,
        "message_count": survey.message_count,
        "size_bytes": survey.size_bytes,
        "first_unix_ns": survey.first_unix_ns,
        "last_unix_ns": survey.last_unix_ns,
        "last_sequence": survey.last_sequence,
        "storage": survey.storage,
        "age_ns_max": survey.age_ns_max,
        "bytes_max": survey.bytes_max,
        "message_count_max": survey.message_count_max,
        "consumer_count": survey.consumer_count,
        "consumers": None if consumers is None else [_consumer_json(consumer) for consumer in consumers],
    }


def _consumer_json(consumer: "ConsumerSurvey") -> dict[str, object]:
    return {
        "name": consumer.name,
        "reader": consumer.reader,
        "is_durable": consumer.is_durable,
        "is_there": consumer.is_there,
        "waiting_count": consumer.waiting_count,
        "unacknowledged_count": consumer.unacknowledged_count,
        "redelivered_count": consumer.redelivered_count,
        "delivered_sequence": consumer.delivered_sequence,
    }


_WHAT_IS_COUNTED: Final = "Counted: the messages that were read, by their subjects; sizes are of the events in them."


def _count_table(counts: "Sequence[EventCount]") -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("stream", "type"):
        table.add_column(column, no_wrap=True)
    for column in ("messages", "size", "oldest", "newest"):
        table.add_column(column, justify="right", no_wrap=True)
    now_unix_ns = SYSTEM_CLOCK.unix_ns()
    for count in counts:
        table.add_row(
            count.stream,
            count.type or "other",
            f"{count.message_count:,}",
            size_text(count.size_bytes),
            _age(count.first_unix_ns, now_unix_ns),
            _age(count.last_unix_ns, now_unix_ns),
        )
    return table


def _survey_table(surveys: "Sequence[Surveyed]") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("stream", no_wrap=True)
    for column in ("messages", "size", "at most", "oldest", "newest", "keeps"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("in", no_wrap=True)
    now_unix_ns = SYSTEM_CLOCK.unix_ns()
    for survey, _ in surveys:
        table.add_row(
            survey.stream,
            f"{survey.message_count:,}",
            size_text(survey.size_bytes),
            size_text(survey.bytes_max) if survey.bytes_max >= 0 else "",
            _age(survey.first_unix_ns, now_unix_ns),
            _age(survey.last_unix_ns, now_unix_ns),
            span_text(survey.age_ns_max) if survey.age_ns_max else "for ever",
            survey.storage,
        )
    return table


def _consumer_table(surveys: "Sequence[Surveyed]") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("stream", no_wrap=True)
    table.add_column("read by", no_wrap=True)
    for column in ("behind", "not acknowledged", "delivered again"):
        table.add_column(column, justify="right", no_wrap=True)
    for survey, consumers in surveys:
        if consumers is None:
            table.add_row(survey.stream, f"{survey.consumer_count} readers; the server does not let us ask who")
        for consumer in (one for one in consumers or () if one.is_there):
            table.add_row(
                survey.stream,
                consumer.reader,
                f"{consumer.waiting_count:,}",
                f"{consumer.unacknowledged_count:,}",
                f"{consumer.redelivered_count:,}",
                style="red" if consumer.waiting_count or consumer.redelivered_count else None,
            )
    return table


def _age(unix_ns: int | None, now_unix_ns: int) -> str:
    return "never" if unix_ns is None else age_text(max(0, now_unix_ns - unix_ns) // NS_PER_MS)
