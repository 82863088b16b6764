"""What a reader of a stream knows behind one message of it, in a file, so that a start need not read the stream again.

The stream is the truth, and the file a reading of it up to one message. It is believed only as far as the stream still
bears it out; in every other case the stream is read from its first message, which takes longer and loses nothing.

| refused                                             | because                                                        |
|-----------------------------------------------------|----------------------------------------------------------------|
| a file of another user, or that others may write    | who may write it may say what it likes                         |
| too long, of another version, a wrong checksum      | it is damaged, or was written by another solquote              |
| another creation time of the stream                 | the stream was made anew, and its sequences begin again        |
| the message it ends with is not in the stream       | it is of the future, or what came behind it may be gone, too   |
| another message under that sequence                 | the stream lost its end in a power failure and went on         |

A file that is refused for itself, and not for the stream, is set aside, as `NAME.refused`; there is one at most.
The format is one line `MAGIC VERSION SHA-256` and one of JSON, whose SHA-256 it is. What a file of the same Unix user
says cannot be told from the process's own word; the same user could replace the process.
"""

import asyncio
import contextlib
import dataclasses
import errno
import hashlib
import json
import os
import stat
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import structlog

from quote_core.bus import Bus
from quote_core.bus.follow import Place, data_at
from quote_core.bus.register import event_of
from quote_core.errors import ProviderUnavailable
from quote_core.events import ExecutionResult, Stream
from quote_core.files import replace_file

__all__ = [
    "INTERVAL_S",
    "CheckpointFile",
    "CheckpointForm",
    "StreamMark",
    "flag_in",
    "integer_in",
    "keep_current",
    "objection_of",
    "record_in",
    "record_told",
    "text_in",
]

INTERVAL_S: Final = 10.0
"""At the promised 50 results a second a start reads 500 of them again."""

ASIDE_SUFFIX: Final = ".refused"

_INTEGER_BITS_MAX: Final = 256
_RETRY_S: Final = 0.2

_log: Final = structlog.get_logger(part="checkpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMark:
    """How far a stream of results has been counted.

    Attributes:
        place: The message counted last.
        event_id: Of the result in it, as hexadecimal digits; empty when it held none.
        count: Messages counted up to it.
    """

    place: Place
    event_id: str
    count: int


Kept = TypeVar("Kept", bound=StreamMark)
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointForm(Generic[Kept]):
    """How a checkpoint of one kind is written.

    Attributes:
        magic: The first word of the file.
        version: Of the format, and of what the sums mean: to be raised with either.
        bytes_max: A longer file is refused, and not written.
        tell: As what JSON can say.
        read: The reverse; raises `ValueError`, `KeyError` or `TypeError` for what cannot be.
    """

    magic: bytes
    version: int
    bytes_max: int
    tell: Callable[[Kept], dict[str, Any]]
    read: Callable[[dict[str, Any]], Kept]

    def encode(self, kept: Kept) -> bytes:
        """The file's content."""
        body = json.dumps(self.tell(kept), separators=(",", ":")).encode()
        return b"%s %d %s\n%s\n" % (self.magic, self.version, hashlib.sha256(body).hexdigest().encode(), body)

    def decode(self, content: bytes) -> Kept:
        """Read a file's content.

        Raises:
            ValueError: It is damaged, too long, or of another version.
        """
        if len(content) > self.bytes_max:
            raise ValueError(f"it is longer than {self.bytes_max} bytes")
        heading, _, body = content.removesuffix(b"\n").partition(b"\n")
        magic, _, rest = heading.partition(b" ")
        version, _, digest = rest.partition(b" ")
        if magic != self.magic:
            raise ValueError("it is no checkpoint")
        if version != b"%d" % self.version:
            raise ValueError("it is of another version")
        if digest != hashlib.sha256(body).hexdigest().encode():
            raise ValueError("its checksum is wrong")
        try:
            return self.read(json.loads(body))
        except (AttributeError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"a field is missing or of the wrong kind: {error}") from None


class CheckpointFile(Generic[Kept]):
    """A checkpoint on disk, replaced as one step."""

    def __init__(self, path: Path, form: CheckpointForm[Kept]) -> None:
        self._path = path
        self._form = form
        self._is_failing = False

    def load(self) -> Kept | None:
        """What was kept last; `None`, said in the log, when there is nothing that may be believed."""
        try:
            return self._form.decode(self._read())
        except FileNotFoundError:
            return None
        except OSError as error:
            _log.warning("the checkpoint is not used", file=str(self._path), reason=str(error))
            return None
        except ValueError as error:
            self._set_aside(str(error))
            return None

    def save(self, kept: Kept) -> bool:
        """Keep this instead, and say whether that was done; blocks while the disk syncs.

        A failure is only told, once: without a checkpoint the next start takes longer, and that is all.
        """
        try:
            replace_file(self._path, self._bounded(kept))
        except OSError as error:
            if not self._is_failing:
                _log.warning("the checkpoint cannot be written", file=str(self._path), reason=str(error))
            self._is_failing = True
            return False
        self._is_failing = False
        return True

    def _bounded(self, kept: Kept) -> bytes:
        content = self._form.encode(kept)
        if len(content) > self._form.bytes_max:
            raise OSError(errno.EFBIG, f"it would be longer than {self._form.bytes_max} bytes")
        return content

    def _set_aside(self, reason: str) -> None:
        aside = self._path.with_name(self._path.name + ASIDE_SUFFIX)
        try:
            self._path.replace(aside)
        except OSError as error:
            _log.warning("the checkpoint is not used", file=str(self._path), reason=reason, not_set_aside=str(error))
        else:
            _log.warning("the checkpoint is not used and set aside", file=str(aside), reason=reason)

    def _read(self) -> bytes:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is no regular file")
            if status.st_uid != os.geteuid():
                raise ValueError("it is another user's")
            if stat.S_IMODE(status.st_mode) & 0o077:
                raise ValueError(f"it has mode {stat.S_IMODE(status.st_mode):04o}, must be 0600")
            return file.read(self._form.bytes_max + 1)


async def objection_of(bus: Bus, stream: Stream, mark: StreamMark) -> str:
    """Why the stream does not bear out the mark; empty when it does. Waits until the bus can say."""
    while True:
        try:
            data = await data_at(bus, stream, mark.place)
        except ProviderUnavailable:
            await asyncio.sleep(_RETRY_S)
            continue
        if data is None:
            return "the stream was made anew since, or does not keep the message it ends with"
        event = event_of(data)
        if (event.header.event_id.hex() if isinstance(event, ExecutionResult) else "") != mark.event_id:
            return "the stream keeps another message where it ends"
        return ""


async def keep_current(
    file: CheckpointFile[Kept],
    current: Callable[[], Kept | None],
    place: Callable[[], Place | None],
    *,
    is_whole: asyncio.Event,
    interval_s: float = INTERVAL_S,
) -> None:
    """Keep what is known every interval, if there is news, for ever; and once all is read: nothing may come for hours.

    Args:
        file: Where to.
        current: What is known now, which counting on must not change; `None` = it cannot be kept now.
        place: How far that is.
        is_whole: Set when all that was kept at the start has been read.
        interval_s: Between two looks.
    """
    saved = place()
    while True:
        await _until_due(is_whole, interval_s)
        if place() == saved:
            continue
        kept = current()
        if kept is not None and await asyncio.to_thread(file.save, kept):
            saved = kept.place


async def _until_due(is_whole: asyncio.Event, interval_s: float) -> None:
    if is_whole.is_set():
        await asyncio.sleep(interval_s)
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(interval_s):
            await is_whole.wait()


def text_in(value: object) -> str:
    """The text that a file says.

    Raises:
        TypeError: It is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def integer_in(value: object) -> int:
    """The integer that a file says.

    Raises:
        TypeError: It is none, or of more bits than a sum of squares has.
    """
    if type(value) is not int or value.bit_length() > _INTEGER_BITS_MAX:
        raise TypeError(f"{value!r:.40} is no integer")
    return value


def flag_in(value: object) -> bool:
    """The yes or no that a file says.

    Raises:
        TypeError: It is neither.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{value!r:.40} is neither true nor false")
    return value


def record_told(record: Any, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Each field of a dataclass but some, for `record_in`."""
    return {
        field.name: getattr(record, field.name) for field in dataclasses.fields(record) if field.name not in without
    }


def record_in(kind: type[Record], told: dict[str, object], **others: object) -> Record:
    """A dataclass of integers, floating-point numbers and texts, each of whose fields the file says.

    Args:
        kind: The class.
        told: By the fields' names.
        others: The fields that are not in the file.

    Raises:
        TypeError: A field is missing, unknown, or of another kind.
    """
    fields = {field.name: field.type for field in dataclasses.fields(kind) if field.name not in others}  # type: ignore[arg-type]
    if told.keys() != fields.keys():
        raise TypeError("the sums are of another kind")
    return kind(**{name: _READERS[wanted](told[name]) for name, wanted in fields.items()}, **others)


def _float_in(value: object) -> float:
    if type(value) is not float:
        raise TypeError(f"{value!r:.40} is no floating-point number")
    return value


_READERS: Final[dict[object, Callable[[object], Any]]] = {int: integer_in, float: _float_in, str: text_in}
