"""`solquote journal verify | replay`: whether the audit trail is whole, and what is in it."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.event_logger import Verification, replay, verify
from pipeline.event_logger.segments import segments
from pipeline.event_logger.settings import EventLoggerSettings
from quote_core.clock import SYSTEM_CLOCK
from quote_core.settings import PlatformSettings
from solquote.commands.options import DataDir, Json, Pair, Streams, Types, found_environment
from solquote.exit_codes import ExitCode
from solquote.moments import Since, Until, bounds_of
from solquote.output import CommandFailed, answer_json, make_console

__all__ = ["journal"]

journal = typer.Typer(help="Look at the journal of all events.", no_args_is_help=True)

Directory = Annotated[
    Path | None, typer.Option("--dir", help="Folder of the journal; otherwise that of the platform", metavar="DIR")
]


@journal.command(name="verify")
def verify_journal(*, directory: Directory = None, data_dir: DataDir = None, as_json: Json = False) -> int:
    """Check every record of every file; exit 5 when one was changed, removed or inserted."""
    folder = _folder(directory, data_dir)
    found = verify(folder)
    if as_json:
        answer_json(_as_json(folder, found))
    else:
        _print(folder, found)
    return ExitCode.OK if found.is_intact else ExitCode.BAD_DATA


@journal.command(name="replay")
def replay_journal(
    *,
    since: Since = None,
    until: Until = None,
    stream: Streams = None,
    of_type: Types = None,
    pair: Pair = None,
    directory: Directory = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Print the journal's events as JSON lines, oldest first; `verify` says whether they are all."""
    from quote_core.tokens import load_tokens  # noqa: PLC0415  # with a library of keys
    from solquote.event_filter import make_filter  # noqa: PLC0415  # with every type of event
    from solquote.event_lines import StoredEvent, print_event  # noqa: PLC0415  # the same

    platform = PlatformSettings.load(environ=found_environment(data_dir))
    wanted = make_filter(stream, of_type, pair, registry=load_tokens(platform.tokens_path))
    first, end = bounds_of(since, until, now_unix_ns=SYSTEM_CLOCK.unix_ns())
    entries = replay(_folder(directory, data_dir), since_unix_ns=first or 0, until_unix_ns=end)
    is_whole = stream is None and of_type is None and pair is None
    for entry in entries:
        if is_whole or wanted.admits(entry.stream, entry.subject):
            stored = StoredEvent(entry.stream, entry.sequence, entry.subject, entry.stored_unix_ns, entry.payload)
            print_event(stored, as_json=True)


def _folder(directory: Path | None, data_dir: Path | None) -> Path:
    """Where the journal is.

    Raises:
        CommandFailed: There is none.
    """
    if directory is None:
        environ = found_environment(data_dir)
        directory = EventLoggerSettings.load(environ=environ).journal_folder(PlatformSettings.load(environ=environ))
    next(directory.iterdir(), None)  # one that is not there, or not ours to read, says so
    if not segments(directory) and not any(directory.glob("*.damaged")):
        raise CommandFailed("NOT_FOUND", f"{directory} holds no journal", ExitCode.UNAVAILABLE)
    return directory


def _as_json(folder: Path, found: Verification) -> dict[str, object]:
    return {
        "directory": str(folder),
        "is_intact": found.is_intact,
        "first_index": found.first_index,
        "record_count": found.record_count,
        "event_count": found.event_count,
        "head": found.head.hex(),
        "is_unfinished": found.is_unfinished,
        "missed": list(found.missed),
        "findings": [
            {"file": str(finding.path), "offset": finding.offset, "rule": finding.rule} for finding in found.findings
        ],
    }


def _print(folder: Path, found: Verification) -> None:
    console = make_console()

    def line(text: str, style: str | None = None) -> None:
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    if found.findings:
        first, *others = found.findings
        line(f"DAMAGED, first at {first}", "bold red")
        for finding in others:
            line(f"  {finding}", "red")
    line(
        f"{found.record_count:,} records of {found.event_count:,} events in {len(segments(folder))} files,"
        f" from record {found.first_index:,} on; head {found.head.hex()}"
    )
    for missed in found.missed:
        line(f"the stream had dropped before it could be read: {missed}", "yellow")
    if found.is_unfinished:
        line(
            "the newest file ends inside a record: it is being written, or its writer died and mends it when it starts"
        )
    if found.is_intact:
        line(f"{folder} is whole: every hash, link and sequence is right", "green")
