"""What the rules on money know, in a file of the manager's own, so that a start need not read a week of EXECUTED again.

The stream is the truth, and the file a reading of it up to one message. It is believed only as far as the stream still
bears it out; in every other case the stream is read from its first message, which takes longer and loses nothing.

| refused                                             | because                                                        |
|-----------------------------------------------------|----------------------------------------------------------------|
| a file of another user, or that others may write    | who may write it may make the rules blind                      |
| too long, of another version, a wrong checksum      | it is damaged, or was written by another solquote              |
| another creation time of the stream                 | the stream was made anew, and its sequences begin again        |
| the message it ends with is not in the stream       | it is of the future, or what came behind it may be gone, too   |
| another message under that sequence                 | the stream lost its end in a power failure and went on         |
| another window or capital, results of after the     | the marks cannot be what reading would give                    |
| release with the marks of another                   |                                                                |

The file is one line `solquote-checkpoint VERSION SHA-256` and one of JSON, whose SHA-256 it is. What a file of the same
Unix user says cannot be told from the manager's own word; the same user could replace the manager.
"""

import dataclasses
import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from pipeline.auditor.ledger import Ledger
from pipeline.system_manager.account import FAILED_COUNT_MAX, LossAccountState
from pipeline.system_manager.rules import MoneyState
from quote_core.bus.follow import Place
from quote_core.files import replace_file

__all__ = ["BYTES_MAX", "Checkpoint", "CheckpointFile", "decode_checkpoint", "encode_checkpoint"]

BYTES_MAX: Final = 256 * 1024
"""A thousand failures and the sums take 40 KiB."""

VERSION: Final = 1
"""Of the format, and of what the sums mean: to be raised with either."""

_MAGIC: Final = b"solquote-checkpoint"
_INTEGER_BITS_MAX: Final = 256

_log: Final = structlog.get_logger(part="checkpoint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The rules on money behind one message of EXECUTED.

    Attributes:
        place: That message.
        event_id: Of the result in it, as hexadecimal digits; empty when it held none.
        count: Messages counted up to it.
        money: What the rules knew then.
    """

    place: Place
    event_id: str
    count: int
    money: MoneyState


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The file's content."""
    body = json.dumps(dataclasses.asdict(checkpoint), separators=(",", ":")).encode()
    return b"%s %d %s\n%s\n" % (_MAGIC, VERSION, hashlib.sha256(body).hexdigest().encode(), body)


def decode_checkpoint(content: bytes) -> Checkpoint:
    """Read a file's content.

    Raises:
        ValueError: It is damaged, too long, or of another version.
    """
    if len(content) > BYTES_MAX:
        raise ValueError(f"it is longer than {BYTES_MAX} bytes")
    heading, _, body = content.removesuffix(b"\n").partition(b"\n")
    magic, _, rest = heading.partition(b" ")
    version, _, digest = rest.partition(b" ")
    if magic != _MAGIC:
        raise ValueError("it is no checkpoint")
    if version != b"%d" % VERSION:
        raise ValueError("it is of another version")
    if digest != hashlib.sha256(body).hexdigest().encode():
        raise ValueError("its checksum is wrong")
    try:
        return _checkpoint(json.loads(body))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"a field is missing or of the wrong kind: {error}") from None


class CheckpointFile:
    """The checkpoint on disk, replaced as one step."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_failing = False

    def load(self) -> Checkpoint | None:
        """What was kept last; `None`, said in the log, when there is nothing that may be believed."""
        try:
            return decode_checkpoint(self._read())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            _log.warning("the checkpoint is not used", file=str(self._path), reason=str(error))
            return None

    def save(self, checkpoint: Checkpoint) -> bool:
        """Keep `checkpoint` instead, and say whether that was done; blocks while the disk syncs.

        A failure is only told, once: without a checkpoint the next start takes longer, and that is all.
        """
        try:
            replace_file(self._path, encode_checkpoint(checkpoint))
        except OSError as error:
            if not self._is_failing:
                _log.warning("the checkpoint cannot be written", file=str(self._path), reason=str(error))
            self._is_failing = True
            return False
        self._is_failing = False
        return True

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
            return file.read(BYTES_MAX + 1)


def _checkpoint(told: dict[str, Any]) -> Checkpoint:
    money = told["money"]
    if money["ledger"].keys() != {field.name for field in dataclasses.fields(Ledger)}:
        raise TypeError("the sums are of another kind")
    return Checkpoint(
        place=Place(_text(told["place"]["created"]), _integer(told["place"]["sequence"])),
        event_id=_text(told["event_id"]),
        count=_integer(told["count"]),
        money=MoneyState(
            since_unix_ns=_integer(money["since_unix_ns"]),
            failed_window_ns=_integer(money["failed_window_ns"]),
            ledger=Ledger(run_id=_text(money["ledger"].pop("run_id")), **_numbers(money["ledger"])),
            account=LossAccountState(
                failed=tuple((_integer(at), _integer(count)) for at, count in _bounded(money["account"].pop("failed"))),
                **{name: _integer(value) for name, value in money["account"].items()},
            ),
        ),
    )


def _bounded(failed: list[Any]) -> list[Any]:
    if len(failed) > FAILED_COUNT_MAX:
        raise ValueError(f"it tells more than {FAILED_COUNT_MAX} failures apart")
    return failed


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} is no text")
    return value


def _integer(value: object) -> int:
    if type(value) is not int or value.bit_length() > _INTEGER_BITS_MAX:
        raise TypeError(f"{value!r:.40} is no integer")
    return value


def _numbers(told: dict[str, object]) -> dict[str, Any]:
    return {name: value if isinstance(value, float) else _integer(value) for name, value in told.items()}
