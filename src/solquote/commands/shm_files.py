"""`solquote shm inspect | verify | bench`: look at the quote files from outside, and measure reading them here."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from quote_core.settings import PlatformSettings
from shm import NotThereYet, QuoteReader, Role, TableReport, default_directory, inspect, verify
from solquote.commands.options import DataDir, Json, found_environment
from solquote.exit_codes import ExitCode
from solquote.formatting import age_text
from solquote.output import answer_json, make_console
from solquote.shm_bench import Measure, measure_reading

__all__ = ["shm"]

shm = typer.Typer(help="Look at the quote files in shared memory.", no_args_is_help=True)

Directory = Annotated[
    Path | None, typer.Option("--dir", help="Folder of the files; otherwise that of the running platform")
]


@shm.command(name="inspect")
def inspect_files(*, directory: Directory = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Show header, ring, occupancy and writer of both files."""
    reports = [inspect(path) for path in _files(directory, data_dir)]
    if as_json:
        answer_json({"files": [_report(report) for report in reports]})
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for report in reports:
        table.add_column(report.path.name, justify="right")
    columns = [_readable(report) for report in reports]
    for name in columns[0]:
        table.add_row(name, *(column[name] for column in columns))
    make_console().print(table)


@shm.command(name="verify")
def verify_files(*, directory: Directory = None, data_dir: DataDir = None, as_json: Json = False) -> int:
    """Scan both files for values no correct writer leaves; exit 1 when there are any."""
    findings = {path.name: verify(path) for path in _files(directory, data_dir)}
    if as_json:
        answer_json(
            {
                "findings": [
                    {"file": name, "where": finding.where, "rule": finding.rule, "value": str(finding.value)}
                    for name, found in findings.items()
                    for finding in found
                ]
            }
        )
    else:
        console = make_console()
        for name, found in findings.items():
            for finding in found:
                line = f"{name}: {finding.where}: {finding.rule}; it is {finding.value}"
                console.print(line, markup=False, highlight=False, soft_wrap=True)
            console.print(f"{name}: {len(found)} impossible values" if found else f"{name}: clean", highlight=False)
    return ExitCode.NEGATIVE if any(findings.values()) else ExitCode.OK


@shm.command(name="bench")
def bench_files(*, directory: Directory = None, data_dir: DataDir = None, as_json: Json = False) -> None:
    """Measure reading the files as they are now, writer and all, beside an empty call."""
    with QuoteReader.open(_files(directory, data_dir)[0].parent) as reader:
        measures = measure_reading(reader)
    if as_json:
        answer_json({"p50_ns": {measure.what: round(measure.p50_ns, 1) for measure in measures}})
    else:
        make_console().print(_bench_table(measures))


def _files(directory: Path | None, data_dir: Path | None) -> list[Path]:
    """Both files.

    Raises:
        NotThereYet: One of them is missing.
    """
    folder = directory or PlatformSettings.load(environ=found_environment(data_dir)).shm_dir or default_directory()
    paths = [folder / role.file_name for role in Role]
    for path in paths:
        if not path.exists():
            raise NotThereYet(path)
    return paths


def _report(report: TableReport) -> dict[str, object]:
    return {
        "file": str(report.path),
        "role": report.role.name.lower(),
        "state": report.state.name.lower(),
        "writer": report.liveness.value,
        "writer_pid": report.writer_pid,
        "heartbeat_age_ns": report.heartbeat_age_ns,
        "epoch": report.epoch,
        "start_unix_ns": report.start_unix_ns,
        "head": report.head,
        "intent": report.intent,
        "ring_slots": report.ring_slots,
        "ring_readable": report.ring_readable,
        "entry_count": report.entry_count,
        "used": report.used,
        "assigned": report.assigned,
        "valid": report.valid,
        "stale": report.stale,
        "recovered": report.recovered,
        "being_written": report.being_written,
        "newest_ts_ns": report.newest_ts_ns,
    }


def _readable(report: TableReport) -> Mapping[str, str]:
    return {
        "writer": f"{report.liveness.value}, pid {report.writer_pid}",
        "state": report.state.name.lower(),
        "heartbeat": f"{age_text(report.heartbeat_age_ns // 1_000_000)} ago",
        "epoch": str(report.epoch),
        "announcements": f"{report.head:,}",
        "ring": f"{report.ring_readable} of {report.ring_slots} readable",
        "entries used": f"{report.used} of {report.entry_count}",
        "entries of a pair": str(report.assigned),
        "entries with a quote": str(report.valid),
        "stale": str(report.stale),
        "lost with a killed writer": str(report.recovered),
        "being written": str(report.being_written),
    }


def _bench_table(measures: Sequence[Measure]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("what")
    table.add_column("p50", justify="right")
    table.add_column("against an empty call", justify="right")
    for measure in measures:
        table.add_row(measure.what, f"{measure.p50_ns:,.0f} ns", f"{measure.p50_ns / measures[0].p50_ns:,.1f}x")
    return table
