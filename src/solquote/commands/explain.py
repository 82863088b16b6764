"""`solquote explain ID`: what a quote or an event rested on, and whether it comes out again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from quote_core.access.calling import caller_of
from quote_core.errors import InvalidField
from quote_core.quote_id import parse_quote_id
from quote_core.settings import PlatformSettings
from quote_core.units import BPS, NS_PER_S
from solquote.commands.options import DataDir, Json, Timeout, Wide, found_environment
from solquote.exit_codes import ExitCode
from solquote.output import answer_json, make_console

if TYPE_CHECKING:
    from solquote.event_source import FoundEvent

__all__ = ["explain"]


def explain(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="Of a quote, as `quote` and HTTP tell it; or of an event, 32 hexadecimal digits",
        ),
    ] = None,
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="What --save wrote, or an event: its bytes, its JSON, or a line of `events`; - reads standard input. "
            "No platform is asked",
        ),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", help="Also write the evidence, or the event, into this file")
    ] = None,
    age: Annotated[
        float,
        typer.Option(
            "--age",
            help="Of a quote: seconds since its state was vouched for; of an opportunity: since it was found",
            min=0,
        ),
    ] = 0.0,
    slippage_bps: Annotated[
        int, typer.Option(help="Tolerated, basis points, for the minimum out of a quote", min=0, max=BPS)
    ] = 50,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    wide: Wide = False,
    as_json: Json = False,
) -> ExitCode:
    """Show what a quote rested on, or why an opportunity, a plan or a result came to what it did, worked out anew.

    Exit 1 when it does not come out as it was told, 5 when bytes are not those whose hash was told, or no event.
    """
    if (what is None) == (file is None):
        raise InvalidField("ID", "give an id, or --file with evidence or an event that was saved")
    if file is not None and save is not None:
        raise InvalidField("--save", "goes with an id: what --file names is saved already")
    # What works either out is loaded for this command only.
    from solquote.event_source import event_of_file, find_event, is_event_id  # noqa: PLC0415  # see above

    data = None if file is None else _content(file)
    found = None if data is None else event_of_file(data, name=_name(file))
    if what is not None and is_event_id(what):
        environ = found_environment(data_dir)
        platform = PlatformSettings.load(environ=environ)
        found = find_event(platform, environ, bytes.fromhex(what), timeout_s=timeout)
    if found is not None:
        return _explain_event(found, save, age_s=age, data_dir=data_dir, wide=wide, as_json=as_json)
    from solquote.evidence import read_evidence, saved_text  # noqa: PLC0415  # see above
    from solquote.explained import explanation_json, print_explanation  # noqa: PLC0415  # see above
    from solquote.reproduction import reproduce  # noqa: PLC0415  # see above

    if data is not None:
        evidence = read_evidence(data, name=_name(file))
    else:
        assert what is not None
        parse_quote_id(what, field="ID")
        platform = PlatformSettings.load(environ=found_environment(data_dir))
        from solquote.evidence_wire import ask_evidence  # noqa: PLC0415  # gRPC is loaded for the call only

        evidence = ask_evidence(platform.aggregator_address, what, timeout_s=timeout, caller=caller_of(platform))
    if save is not None:
        save.write_text(saved_text(evidence))
    reproduced = reproduce(evidence)
    if as_json:
        answer_json(explanation_json(reproduced, age_s=age, slippage_bps=slippage_bps))
    else:
        print_explanation(reproduced, make_console(wide=wide), age_s=age, slippage_bps=slippage_bps)
    if reproduced.is_equal:
        return ExitCode.OK
    return ExitCode.NEGATIVE if reproduced.is_intact else ExitCode.BAD_DATA


def _explain_event(
    found: "FoundEvent", save: Path | None, *, age_s: float, data_dir: Path | None, wide: bool, as_json: bool
) -> ExitCode:
    from pipeline.planner.settings import PlannerSettings  # noqa: PLC0415  # see `explain`
    from pipeline.settings import CostSettings  # noqa: PLC0415  # the same
    from quote_core.events.json_form import event_json  # noqa: PLC0415  # the same
    from quote_core.json_dialect import json_text  # noqa: PLC0415  # the same
    from solquote.event_verdict import verdict_of  # noqa: PLC0415  # the same
    from solquote.explained_event import event_verdict_json, print_event_verdict  # noqa: PLC0415  # the same

    environ = found_environment(data_dir)
    told = verdict_of(
        found.event,
        limits=PlannerSettings.load(environ=environ).limits(),
        rates=CostSettings.load(environ=environ).rates(),
        age_ns=round(age_s * NS_PER_S),
    )
    if save is not None:
        save.write_text(json_text(event_json(found.event)) + "\n")
    if as_json:
        answer_json(event_verdict_json(told, found.where))
    else:
        print_event_verdict(told, found.where, make_console(wide=wide))
    return ExitCode.OK if told.is_equal else ExitCode.NEGATIVE


def _name(file: Path | None) -> str:
    return "standard input" if file == _STANDARD_INPUT else str(file)


def _content(file: Path) -> bytes:
    return sys.stdin.buffer.read() if file == _STANDARD_INPUT else file.read_bytes()


_STANDARD_INPUT: Final = Path("-")
