"""`solquote history trades | events | pnl | rebuild`: what the database keeps, longer than the streams do."""

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer
from rich.table import Table

from quote_core.addresses import redacted_url
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import DeadlinePassed, InvalidField
from quote_core.settings import PlatformSettings
from quote_core.units import LAMPORTS_PER_SOL
from solquote.commands.options import (
    DataDir,
    Json,
    Pair,
    Streams,
    TaxCsv,
    Timeout,
    Types,
    WithPaper,
    check_one_answer,
    check_with_paper,
    found_environment,
)
from solquote.lean_libraries import load_bus_libraries
from solquote.moments import Since, Until, bounds_of, utc_text
from solquote.output import answer_json, make_console

if TYPE_CHECKING:
    from pipeline.auditor.ledger import Ledger
    from pipeline.history.database import HistoryDatabase
    from pipeline.history.queries import TradeQuery
    from pipeline.history.settings import HistorySettings
    from quote_core.events import ExecutionResult
    from solquote.event_filter import EventFilter

__all__ = ["history"]

history = typer.Typer(help="Look at the history in the database.", no_args_is_help=True)

_SHOWN: Final = 20
_COUNT_MAX: Final = 1_000_000_000
Count = Annotated[
    int | None,
    typer.Option(
        "-n",
        "--count",
        help=f"The newest so many; otherwise {_SHOWN} for people, all for programs",
        min=1,
        max=_COUNT_MAX,
    ),
]
Run = Annotated[str | None, typer.Option(help="Only this run", metavar="RUN")]
OfOutcome = Annotated[
    list[str] | None,
    typer.Option("--outcome", help="filled, missed, failed, refused, abandoned; may be repeated", metavar="OUTCOME"),
]
EventId = Annotated[str | None, typer.Option("--id", help="Only the event of this id", metavar="ID")]
Csv = Annotated[bool, typer.Option("--csv", help="Write CSV")]
Parquet = Annotated[Path | None, typer.Option("--parquet", help="Write a Parquet file", metavar="FILE")]


@history.command()
def trades(
    *,
    since: Since = None,
    until: Until = None,
    pair: Pair = None,
    run: Run = None,
    of_outcome: OfOutcome = None,
    count: Count = None,
    as_csv: Csv = False,
    as_tax_csv: TaxCsv = False,
    with_paper: WithPaper = False,
    parquet: Parquet = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List trades, oldest first; JSON has one a line, with its route."""
    is_for_people = _is_for_people(as_csv=as_csv, parquet=parquet, as_json=as_json, as_tax_csv=as_tax_csv)
    check_with_paper(as_tax_csv=as_tax_csv, with_paper=with_paper)
    with _opened(data_dir) as (platform, _, database):
        from pipeline.history import queries, tables  # noqa: PLC0415  # a database's libraries are loaded for the call only
        from pipeline.history.export import columns_of, export_csv  # noqa: PLC0415  # the same

        wanted = _trade_query(
            platform, since, until, pair, run, of_outcome, count or (_SHOWN if is_for_people else None)
        )
        if as_tax_csv:
            _write_tax_csv(platform, queries.find_results(database, wanted), with_paper=with_paper)
            return
        found = queries.find_trades(database, wanted)
        columns = columns_of(tables.trades)
        if as_csv:
            export_csv(tuple(columns), found, sys.stdout)
        elif parquet is not None:
            _write_parquet(columns, found, parquet)
        elif as_json:
            for rows in _in_parts(found):
                routes = queries.routes_of(database, [row.plan_id for row in rows])
                for row in rows:
                    answer_json({**row._asdict(), "route": routes[row.plan_id]})
        else:
            make_console().print(_trade_table(found))


@history.command()
def events(
    *,
    since: Since = None,
    until: Until = None,
    stream: Streams = None,
    of_type: Types = None,
    pair: Pair = None,
    event_id: EventId = None,
    count: Count = None,
    as_csv: Csv = False,
    parquet: Parquet = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """List events, in the order in which they were stored; CSV and Parquet have their bytes."""
    is_for_people = _is_for_people(as_csv=as_csv, parquet=parquet, as_json=as_json)
    with _opened(data_dir) as (platform, _, database):
        from pipeline.history import queries, tables  # noqa: PLC0415  # a database's libraries are loaded for the call only
        from pipeline.history.export import columns_of, export_csv  # noqa: PLC0415  # the same
        from solquote.event_lines import StoredEvent, print_event  # noqa: PLC0415  # with every type of event

        wanted = _filter(platform, stream, of_type, pair)
        first, end = bounds_of(since, until, now_unix_ns=SYSTEM_CLOCK.unix_ns())
        query = queries.EventQuery(
            since_unix_ns=first,
            until_unix_ns=end,
            streams=tuple(one.value for one in wanted.streams),
            types=wanted.types,
            pair=wanted.pair,
            event_id=None if event_id is None else _checked_id(event_id),
            count=count or (_SHOWN if is_for_people else None),
        )
        found = queries.find_events(database, query)
        columns = columns_of(tables.events)
        if as_csv:
            export_csv(tuple(columns), found, sys.stdout)
        elif parquet is not None:
            _write_parquet(columns, found, parquet)
        else:
            for row in found:
                print_event(
                    StoredEvent(row.stream, row.sequence, row.subject, row.stored_unix_ns, row.payload), as_json=as_json
                )


@history.command()
def pnl(
    *,
    by: Annotated[Literal["run", "pair", "day"], typer.Option(help="An account each")] = "run",
    since: Since = None,
    until: Until = None,
    pair: Pair = None,
    run: Run = None,
    as_csv: Csv = False,
    parquet: Parquet = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show profit and loss by run, pair or UTC day, of all trades that the history keeps."""
    _is_for_people(as_csv=as_csv, parquet=parquet, as_json=as_json)
    with _opened(data_dir) as (platform, _, database):
        from pipeline.auditor.figures import FIGURES, figures_of  # noqa: PLC0415  # the same
        from pipeline.history.export import export_csv  # noqa: PLC0415  # a database's libraries are loaded for the call only
        from pipeline.history.queries import ledgers_of  # noqa: PLC0415  # the same

        query = _trade_query(platform, since, until, pair, run, None, None)
        ledgers = ledgers_of(database, query, by=by, capital_lamports=platform.trading_capital_lamports)
        rows = [(key, *figures_of(ledger).values()) for key, ledger in ledgers.items()]
        columns = {by: "text", **FIGURES}
        if as_csv:
            export_csv(tuple(columns), rows, sys.stdout)
        elif parquet is not None:
            _write_parquet(columns, rows, parquet)
        elif as_json:
            answer_json({"by": by, "accounts": [dict(zip(("key", *FIGURES), row, strict=True)) for row in rows]})
        else:
            make_console().print(_account_table(by, ledgers))


@history.command()
def rebuild(*, timeout: Timeout = 30.0, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Delete what the streams still keep, so that the auditor writes it anew from them."""
    with _opened(data_dir) as (platform, settings, database):
        load_bus_libraries()
        from solquote.history_rebuild import rebuild as rewind_all  # noqa: PLC0415  # NATS is loaded for the call only

        try:
            rewound = rewind_all(platform, settings, database, timeout_s=timeout)
        except TimeoutError:
            raise DeadlinePassed(f"NATS at {redacted_url(platform.nats_url)}", round(timeout * 1000)) from None
        if as_json:
            answer_json(
                {"rewound": [{"stream": stream.value, "message_count": count} for stream, count in rewound.items()]}
            )
            return
        told = ", ".join(f"{count:,} of {stream}" for stream, count in rewound.items())
        make_console().print(f"to be written anew by the auditor: {told}", highlight=False)


def _is_for_people(*, as_csv: bool, parquet: Path | None, as_json: bool, as_tax_csv: bool = False) -> bool:
    answers = {"--csv": as_csv, "--csv-tax": as_tax_csv, "--parquet": parquet is not None, "--json": as_json}
    return check_one_answer(answers) == ""


@contextlib.contextmanager
def _opened(data_dir: Path | None) -> "Iterator[tuple[PlatformSettings, HistorySettings, HistoryDatabase]]":
    """The database, for reading; closed when it has been read.

    Raises:
        HistoryUnavailable: It is not there, or not of this version.
    """
    from pipeline.history.database import HistoryDatabase  # noqa: PLC0415  # its libraries are loaded for the call only
    from pipeline.history.settings import HistorySettings  # noqa: PLC0415  # the same

    environ = found_environment(data_dir)
    platform = PlatformSettings.load(environ=environ)
    settings = HistorySettings.load(environ=environ)
    database = HistoryDatabase(platform, settings)
    with contextlib.closing(database):
        database.check_version()
        yield platform, settings, database


def _filter(
    platform: PlatformSettings, stream: list[str] | None, of_type: list[str] | None, pair: str | None
) -> "EventFilter":
    from quote_core.tokens import load_tokens  # noqa: PLC0415  # with a library of keys
    from solquote.event_filter import make_filter  # noqa: PLC0415  # with every type of event

    return make_filter(stream, of_type, pair, registry=load_tokens(platform.tokens_path))


def _checked_id(event_id: str) -> str:
    """As the database has it.

    Raises:
        InvalidField: It is no event's.
    """
    from solquote.event_source import is_event_id  # noqa: PLC0415  # with every type of event

    if not is_event_id(event_id):
        raise InvalidField("--id", f"must be 32 hexadecimal digits, got {event_id!r}")
    return event_id.lower()


def _trade_query(
    platform: PlatformSettings,
    since: str | None,
    until: str | None,
    pair: str | None,
    run: str | None,
    outcomes: Sequence[str] | None,
    count: int | None,
) -> "TradeQuery":
    from pipeline.history.queries import TradeQuery  # noqa: PLC0415  # a database's libraries
    from quote_core.events import Outcome  # noqa: PLC0415  # with every type of event

    known = {outcome.name for outcome in Outcome}
    names = tuple(name.upper() for name in outcomes or ())
    for name in names:
        if name not in known:
            raise InvalidField(
                "--outcome", f"{name.lower()} is not known; there are {', '.join(sorted(known)).lower()}"
            )
    first, end = bounds_of(since, until, now_unix_ns=SYSTEM_CLOCK.unix_ns())
    return TradeQuery(
        since_unix_ns=first,
        until_unix_ns=end,
        run_id=run,
        pair=_filter(platform, None, None, pair).pair,
        outcomes=names,
        count=count,
    )


def _write_tax_csv(platform: PlatformSettings, results: "Iterable[ExecutionResult]", *, with_paper: bool) -> None:
    from pipeline.auditor.tax import TaxLines, TaxTable  # noqa: PLC0415  # with every type of event
    from quote_core.tokens import load_tokens  # noqa: PLC0415  # with a library of keys

    table = TaxTable(TaxLines(load_tokens(platform.tokens_path), with_paper=with_paper), sys.stdout)
    for result in results:
        table.add(result)
    sys.stderr.write(f"solquote: {table.summary()}\n")


def _write_parquet(columns: dict[str, str], rows: Iterable[Sequence[Any]], path: Path) -> None:
    from pipeline.history.export import export_parquet  # noqa: PLC0415  # a database's libraries

    count = export_parquet(columns, rows, path, option="--parquet")
    sys.stderr.write(f"solquote: {count} rows in {path}\n")


def _in_parts(rows: Iterator[Any]) -> Iterator[list[Any]]:
    from itertools import islice  # noqa: PLC0415  # see above

    while part := list(islice(rows, 1_000)):
        yield part


_SECONDS: Final = slice(0, 19)


def _trade_table(rows: Iterable[Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("stored (UTC)", "pair"):
        table.add_column(column, no_wrap=True)
    for column in ("amount", "expected", "profit"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("outcome")
    table.add_column("run")
    for row in rows:
        outcome = row.outcome.lower() + (f": {row.reason}" if row.reason else "")
        table.add_row(
            utc_text(row.stored_unix_ns)[_SECONDS].replace("T", " "),
            row.pair,
            f"{row.amount_in / LAMPORTS_PER_SOL:,.3f}",
            _sol(row.expected_profit_lamports),
            _sol(row.profit_lamports),
            outcome,
            row.run_id,
        )
    return table


def _account_table(by: str, ledgers: "dict[str, Ledger]") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(by, no_wrap=True)
    for column in ("profit, SOL", "naive", "trades", "filled", "missed", "failed", "refused", "won", "drawdown"):
        table.add_column(column, justify="right", no_wrap=True)
    for key, ledger in ledgers.items():
        table.add_row(
            key or "(without a name)",
            _sol(ledger.cumulative_profit_lamports),
            _sol(ledger.naive_profit_lamports),
            f"{ledger.trade_count:,}",
            f"{ledger.filled_count:,}",
            f"{ledger.missed_count:,}",
            f"{ledger.failed_count:,}",
            f"{ledger.refused_count:,}",
            f"{ledger.win_rate:.0%}",
            f"{ledger.max_drawdown_fraction:.2%}",
        )
    return table


def _sol(lamports: int) -> str:
    return f"{lamports / LAMPORTS_PER_SOL:+,.6f}"
