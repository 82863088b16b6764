"""`solquote alerts list | ack | test`: what the notifier tells people, who sees to it, and whether it would arrive."""

import asyncio
import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import InvalidField, UpstreamError
from quote_core.settings import PlatformSettings
from solquote.commands.options import DataDir, Json, found_environment
from solquote.exit_codes import ExitCode
from solquote.moments import utc_text
from solquote.output import CommandFailed, answer_json, make_console

if TYPE_CHECKING:
    from pipeline.notifier.alert import Alert
    from pipeline.notifier.book_file import Kept
    from pipeline.notifier.settings import NotifierSettings

__all__ = ["alerts"]

alerts = typer.Typer(help="Look at what the notifier tells people.", no_args_is_help=True)

_LOOK_S: Final = 0.05
_SECONDS: Final = slice(0, 19)


@alerts.command(name="list")
def list_alerts(*, data_dir: DataDir = None, as_json: Json = False) -> None:
    """List the alerts, the open ones first; those that are over stay for a day."""
    from pipeline.notifier.book_file import newest_first  # noqa: PLC0415  # NATS is loaded for the call only

    found = newest_first(_kept(_folder(data_dir)).alerts)
    if as_json:
        answer_json({"alerts": [_as_json(alert) for alert in found]})
    elif found:
        make_console().print(_table(found))
    else:
        make_console().print("no alerts", highlight=False)


@alerts.command()
def ack(
    numbers: Annotated[list[int], typer.Argument(help="Numbers of alerts", min=1, max=10**17, metavar="NUMBER...")],
    *,
    timeout: Annotated[float, typer.Option(help="Longest wait for the notifier, seconds", min=0, max=300)] = 5.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> int:
    """Say that you see to alerts, so that they are not told again; exit 3 when the notifier has yet to hear it."""
    from pipeline.notifier.acknowledgements import place_acknowledgement  # noqa: PLC0415  # see above

    folder = _folder(data_dir)
    there = {alert.number: alert for alert in _kept(folder).alerts}
    for number in numbers:
        if number not in there:
            raise InvalidField("NUMBER", f"there is no alert {number}; `solquote alerts list` has them")
    placed = [place_acknowledgement(folder, number, by=_person()) for number in dict.fromkeys(numbers)]
    until_s = time.monotonic() + timeout
    while any(one.is_waiting for one in placed) and time.monotonic() < until_s:
        time.sleep(_LOOK_S)
    waiting = [one.number for one in placed if one.is_waiting]
    if as_json:
        answer_json({"acknowledged": [one.number for one in placed if one.number not in waiting], "waiting": waiting})
    for one in () if as_json else placed:
        said = "waits for the notifier, which heeds it when it runs" if one.number in waiting else "acknowledged"
        make_console().print(f"#{one.number} {there[one.number].title}: {said}", highlight=False, markup=False)
    return ExitCode.UNAVAILABLE if waiting else ExitCode.OK


@alerts.command(name="test")
def send_test(*, data_dir: DataDir = None, as_json: Json = False) -> int:
    """Send a test message to every destination that is set; exit 1 when one has not taken it."""
    from pipeline.notifier.settings import NotifierSettings  # noqa: PLC0415  # see above

    settings = NotifierSettings.load(environ=found_environment(data_dir))
    outcomes = asyncio.run(_send_tests(settings))
    failed_count = sum(bool(reason) for reason in outcomes.values())
    if as_json:
        answer_json(
            {"destinations": [{"name": name, "taken": not why, "reason": why} for name, why in outcomes.items()]}
        )
    else:
        for name, why in outcomes.items():
            make_console().print(f"{name}: {why or 'taken'}", highlight=False, markup=False)
    return ExitCode.NEGATIVE if failed_count else ExitCode.OK


async def _send_tests(settings: "NotifierSettings") -> dict[str, str]:
    """By destination, why it has not taken a test message; empty = it has.

    Raises:
        SettingsError: No destination is set, or a secret cannot be used.
    """
    import aiohttp  # noqa: PLC0415  # see above

    from pipeline.notifier.configured import open_destinations, wording_of  # noqa: PLC0415  # see above
    from pipeline.notifier.destinations.base import Destination  # noqa: PLC0415  # see above

    message = wording_of(settings).message([_test_alert()])

    async def outcome_of(destination: Destination) -> str:
        try:
            return await destination.send(message)
        except UpstreamError as error:
            return str(error).removeprefix(f"{destination.name}: ")

    async with aiohttp.ClientSession() as session:
        destinations = open_destinations(settings, session, clock=SYSTEM_CLOCK)
        reasons = await asyncio.gather(*map(outcome_of, destinations))
    return {one.name: why for one, why in zip(destinations, reasons, strict=True)}


def _test_alert() -> "Alert":
    """An alert that is over as soon as it is there, so that nobody is paged for longer."""
    from pipeline.notifier.alert import Alert, Level  # noqa: PLC0415  # see above

    now_unix_ns = SYSTEM_CLOCK.unix_ns()
    return Alert(
        number=0,
        key="test",
        level=Level.INFO,
        worst=Level.INFO,
        title="This is a test of `solquote alerts test`",
        text=f"Sent by {_person()}. Nothing has happened.",
        variant="",
        is_lasting=False,
        first_unix_ns=now_unix_ns,
        last_unix_ns=now_unix_ns,
        news_unix_ns=now_unix_ns,
        ended_unix_ns=now_unix_ns,
    )


def _folder(data_dir: Path | None) -> Path:
    from pipeline.notifier.book_file import notifier_folder  # noqa: PLC0415  # see above

    return notifier_folder(PlatformSettings.load(environ=found_environment(data_dir)).data_folder())


def _kept(folder: Path) -> "Kept":
    """What the notifier has written down.

    Raises:
        CommandFailed: It never ran here, or what is there cannot be read.
    """
    from pipeline.notifier.book_file import kept_alerts  # noqa: PLC0415  # see above

    if not folder.is_dir():
        sentence = f"there are no alerts in {folder}; the notifier runs where a destination is set (docs/notifier.md)"
        raise CommandFailed("UNAVAILABLE", sentence, ExitCode.UNAVAILABLE)
    try:
        return kept_alerts(folder)
    except ValueError as error:
        raise CommandFailed("DATA_LOSS", f"the alerts in {folder} cannot be read: {error}", ExitCode.BAD_DATA) from None


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"


def _as_json(alert: "Alert") -> dict[str, Any]:
    return {
        "number": alert.number,
        "state": alert.state.value,
        "level": alert.level.name.lower(),
        "key": alert.key,
        "title": alert.title,
        "text": alert.text,
        "count": alert.count,
        "first_unix_ns": str(alert.first_unix_ns),
        "last_unix_ns": str(alert.last_unix_ns),
        "ended_unix_ns": str(alert.ended_unix_ns) if alert.ended_unix_ns else None,
        "escalation_count": alert.escalation_count,
        "acknowledged_by": alert.acknowledged_by or None,
        "told": sorted(name for name, news in alert.told.items() if news == alert.news),
    }


def _table(found: "list[Alert]") -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("#", justify="right", no_wrap=True)
    for column in ("state", "level"):
        table.add_column(column, no_wrap=True)
    table.add_column("since (UTC)", no_wrap=True)
    table.add_column("times", justify="right", no_wrap=True)
    table.add_column("what")
    for alert in found:
        what = f"{alert.title}: {alert.text}" if alert.text else alert.title
        table.add_row(
            str(alert.number),
            alert.state.value + (f" by {alert.acknowledged_by}" if alert.acknowledged_by else ""),
            alert.level.name.lower(),
            utc_text(alert.first_unix_ns)[_SECONDS].replace("T", " "),
            f"{alert.count:,}",
            what.replace("[", r"\["),
        )
    return table
