"""`solquote verify-quotes`: replay recorded swaps and say how many come out equal to the last unit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from solquote.commands.options import Json
from solquote.exit_codes import ExitCode
from solquote.output import answer_json, make_console

if TYPE_CHECKING:
    from quote_core.dex.replay import CheckedRow
    from solquote.verify_quotes import Report

__all__ = ["verify_quotes"]

_DIFFERENT_SHOWN_MAX: Final = 5
"""How many differing rows a person is shown; `--json` has all."""


def verify_quotes(
    vectors: Annotated[list[Path], typer.Argument(help="Vector files", metavar="VECTORS.json...")],
    *,
    pools: Annotated[
        list[Path] | None, typer.Option(help="Folder of recorded pools; may be given several times", metavar="DIR")
    ] = None,
    as_json: Json = False,
) -> int:
    """Replay vector files on recorded pools; exit 1 on any difference, 5 where a file cannot be read."""
    from solquote.verify_quotes import verify_files  # noqa: PLC0415  # with every DEX

    report = verify_files(vectors, pools or [])
    if as_json:
        answer_json(report.as_json())
    else:
        _print(report, make_console())
    if report.unreadable:
        return ExitCode.BAD_DATA
    return ExitCode.NEGATIVE if report.different else ExitCode.OK


def _print(report: "Report", console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for heading in ("dex", "kind"):
        table.add_column(heading, no_wrap=True)
    for heading in ("checked", "equal", "different", "single\nsource", "older\nbuild\ndiffers"):
        table.add_column(heading, justify="right")
    for (dex_label, kind), tally in sorted(report.tallies.items()):
        counts = (tally.checked, tally.equal, tally.different, tally.single_source, tally.older_binary_differs)
        table.add_row(dex_label, kind, *map(str, counts))
    console.print(table)
    for file_name, row in report.different_rows[:_DIFFERENT_SHOWN_MAX]:
        _print_difference(file_name, row, console)
    left_out = len(report.different_rows) - _DIFFERENT_SHOWN_MAX
    if left_out > 0:
        console.print(f"\n... and {left_out} more: --json shows all", markup=False, highlight=False)
    for problem in report.unreadable:
        console.print(f"not checked: {problem}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{report.checked} checked, {report.different} different")


def _print_difference(file_name: str, row: "CheckedRow", console: Console) -> None:
    console.print(f"\n{file_name}, vector {row.index}:", markup=False)
    for one in row.differences:
        console.print(f"  {one.field}: expected {one.expected}, got {one.actual}", markup=False, highlight=False)
    console.print(f"  {dict(row.vector)}", markup=False, highlight=False, soft_wrap=True)
