"""What outlives the notifier: `notifier/alerts.json` in the data folder, replaced as one step.

Alerts and the places in the streams up to which they were read are one file, so that each message is in the alerts
exactly once, whatever the notifier dies of; a durable consumer's place would be a second truth, as for the journal.
What was not yet told is told: at least once, since it may die between telling somebody and writing that down. Nobody
waits for the disk; what is told meanwhile is told again after a crash.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from pipeline.notifier.alert import Alert, Level
from quote_core.bus.follow import Place
from quote_core.errors import ProviderUnavailable
from quote_core.events import Stream
from quote_core.files import replace_file
from quote_core.kept_name import kept_name

__all__ = ["BookFile", "Kept", "begun", "held_alone", "kept_alerts", "newest_first", "notifier_folder"]

VERSION: Final = 1
RETRY_S: Final = 1.0
PAUSE_S: Final = 0.1
"""Between two writes; what changes meanwhile is in the second."""
_NAME: Final = "alerts.json"

_log: Final = structlog.get_logger(part="alerts")


def notifier_folder(data_folder: Path) -> Path:
    """The folder of the notifier's files."""
    return data_folder / "notifier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the file holds.

    Attributes:
        alerts: The book's.
        next_number: The book's.
        places: Up to where each stream was read.
        known: Processes whose silence would be told.
    """

    alerts: tuple[Alert, ...] = ()
    next_number: int = 1
    places: Mapping[Stream, Place] = field(default_factory=dict)
    known: tuple[str, ...] = ()


@contextlib.contextmanager
def held_alone(folder: Path) -> Iterator[None]:
    """No other notifier has the folder while the context lasts.

    Raises:
        ProviderUnavailable: Another one has.
        OSError: It cannot be made.
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(kept_name(folder / "lock"))
        except BlockingIOError:
            raise ProviderUnavailable("notifier", f"another notifier runs with {folder.parent}") from None
        yield


def kept_alerts(folder: Path) -> Kept:
    """What the file holds; nothing when there is none.

    Raises:
        ValueError: It is damaged, or of another version.
        OSError: It cannot be read.
    """
    try:
        content = (folder / _NAME).read_bytes()
    except FileNotFoundError:
        return Kept()
    try:
        told = orjson.loads(content)
        if told["version"] != VERSION:
            raise ValueError(f"is of version {told['version']}")
        return Kept(
            alerts=tuple(map(_alert, told["alerts"])),
            next_number=int(told["next_number"]),
            places={Stream(name): Place(str(created), int(at)) for name, (created, at) in told["places"].items()},
            known=tuple(map(str, told["known"])),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"is damaged ({type(error).__name__})") from error


def _alert(told: Mapping[str, Any]) -> Alert:
    return Alert(**{**told, "level": Level(told["level"]), "worst": Level(told["worst"])})


def _content(kept: Kept) -> bytes:
    return orjson.dumps(
        {
            "version": VERSION,
            "alerts": [asdict(alert) for alert in kept.alerts],
            "next_number": kept.next_number,
            "places": {name.value: (place.created, place.sequence) for name, place in kept.places.items()},
            "known": kept.known,
        },
        option=orjson.OPT_INDENT_2,
    )


class BookFile:
    """Writes the file whenever something has changed.

    Args:
        folder: See `notifier_folder`.
        now: What it is to hold.
    """

    def __init__(self, folder: Path, now: Callable[[], Kept]) -> None:
        self._path = folder / _NAME
        self._now = now
        self._change_count = 0
        self._written_count = 0
        self._changed = asyncio.Event()
        self.failure = ""
        """Why it cannot be written now."""

    def note_change(self) -> None:
        """There is something to write."""
        self._change_count += 1
        self._changed.set()

    @property
    def is_current(self) -> bool:
        """Whether the disk has all there is."""
        return self._written_count == self._change_count

    async def run(self) -> None:
        """Write until cancelled; what has changed by then is written last."""
        try:
            while True:
                await self._changed.wait()
                self._changed.clear()
                await self._write()
                await asyncio.sleep(RETRY_S if self.failure else PAUSE_S)
        finally:
            if not self.is_current:
                with contextlib.suppress(OSError):
                    replace_file(self._path, _content(self._now()))

    async def _write(self) -> None:
        count, content = self._change_count, _content(self._now())
        try:
            await asyncio.to_thread(replace_file, self._path, content)
        except OSError as error:
            if not self.failure:
                _log.error("the alerts cannot be written down", file=str(self._path), reason=error.strerror)
            self.failure = f"{self._path}: {error.strerror}"
            self._changed.set()
            return
        self._written_count, self.failure = count, ""


def begun(folder: Path) -> Kept:
    """As `kept_alerts`, for whoever goes on with them: a file that cannot be read is set aside.

    Raises:
        OSError: Nothing can be read or moved there.
    """
    try:
        return kept_alerts(folder)
    except ValueError as error:
        path = folder / _NAME
        path.replace(path.with_name(f"{_NAME}.damaged"))
        _log.error("the alerts of before cannot be read and are set aside", file=str(path), reason=str(error))
        return Kept()


def newest_first(alerts: Iterable[Alert]) -> list[Alert]:
    """For people: what is open first, then the newest."""
    return sorted(alerts, key=lambda one: (bool(one.ended_unix_ns), -one.worst, -one.number))
