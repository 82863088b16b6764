"""Endings on disk: a result is written here before it is published, and struck out once the stream has stored it.

So an ending that is known outlasts the bus, a kill and, once synced, a power failure. One file an executor, in a
folder that the executors of a host share; a lock says whose executor lives. The logs of the dead are taken over by
whoever comes next.

    results-<n>.log    records, one after the other: u32 length, u32 CRC-32 of the rest, kind, then
                         OWED     the result, an event as on the bus
                         STORED   the 16 bytes of its plan's id
    results-<n>.lock   held by the executor that writes the log

A record half written, or damaged, ends what can be read: the file is kept as `.damaged`, and what was read before it
begins a new one. A log is written anew with what it still owes when it is opened and when it has grown too large.
"""

import contextlib
import errno
import fcntl
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Self

import structlog

from quote_core.errors import LayoutMismatch, ProviderUnavailable
from quote_core.events import ExecutionResult, decode, encode

__all__ = ["LOG_BYTES_MAX", "OWED_COUNT_MAX", "ResultLog"]

EXECUTOR_COUNT_MAX: Final = 256
"""Executors that one folder has room for."""

LOG_BYTES_MAX: Final = 8 * 1024 * 1024
OWED_COUNT_MAX: Final = 4_096
"""An executor that owes so many endings begins nothing more."""

_HEAD: Final = struct.Struct("<II")
_OWED: Final = b"\x01"
_STORED: Final = b"\x02"
_RECORD_BYTES_MAX: Final = 128 * 1024

_log: Final = structlog.get_logger()


class ResultLog:
    """What this executor owes to the stream; use it as a context.

    Args:
        folder: Of all executors of this host that share a data folder; made for its owner alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._owed: dict[bytes, ExecutionResult] = {}
        self._lock: IO[bytes] | None = None
        self._path = folder
        self._file: IO[bytes] | None = None
        self._size_bytes = 0

    def __enter__(self) -> Self:
        """Take the first log nobody holds, and what the dead have left in the others.

        Raises:
            ProviderUnavailable: The folder cannot be written to, or has no room for another executor.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for number in range(EXECUTOR_COUNT_MAX):
                self._lock = _locked(self._folder / f"results-{number}.lock")
                if self._lock is not None:
                    self._path = self._folder / f"results-{number}.log"
                    self._owed = _read(self._path)
                    self._rewrite()
                    self.take_over()
                    return self
        except OSError as error:
            raise ProviderUnavailable(str(self._folder), f"endings cannot be kept: {error}") from error
        raise ProviderUnavailable(str(self._folder), f"is in use by {EXECUTOR_COUNT_MAX} executors")

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
        if self._lock is not None:
            self._lock.close()

    @property
    def owed(self) -> tuple[ExecutionResult, ...]:
        """Endings not struck out, oldest first."""
        return tuple(self._owed.values())

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be begun."""
        return len(self._owed) >= OWED_COUNT_MAX

    def of_plan(self, plan_id: bytes) -> ExecutionResult | None:
        """The ending of a plan, if it is owed."""
        return self._owed.get(plan_id)

    def keep(self, result: ExecutionResult) -> None:
        """Write an ending down, so that it outlives this process; `sync` makes it outlive a power failure.

        Raises:
            OSError: It could not be written.
        """
        self._owed[result.plan_id] = result
        self._append(_OWED, encode(result))

    def strike_out(self, plan_id: bytes) -> None:
        """The stream has stored the ending of this plan. A record of it lost with the power does no harm."""
        if self._owed.pop(plan_id, None) is not None:
            self._append(_STORED, plan_id)

    def descriptor(self) -> int:
        """A descriptor of the log as it is now, to sync from another thread, which closes it."""
        assert self._file is not None
        return os.dup(self._file.fileno())

    def take_over(self) -> None:
        """Make what dead executors owe ours."""
        for path in sorted(self._folder.glob("results-*.log")):
            if path == self._path:
                continue
            lock = _locked(path.with_suffix(".lock"))
            if lock is None:
                continue
            with lock:
                for result in _read(path).values():
                    self.keep(result)
                self._sync()
                path.unlink(missing_ok=True)

    def _append(self, kind: bytes, data: bytes) -> None:
        assert self._file is not None
        record = _record(kind, data)
        if self._file.write(record) != len(record):
            raise OSError(errno.ENOSPC, "half of a record was written", str(self._path))
        self._size_bytes += len(record)
        if self._size_bytes > LOG_BYTES_MAX:
            self._rewrite()

    def _rewrite(self) -> None:
        """Begin the log anew with what is owed; whenever this is interrupted, the old one or the new one is there."""
        scratch = self._path.with_suffix(".new")
        opener = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        file = os.fdopen(opener, "ab", buffering=0)
        records = b"".join(_record(_OWED, encode(result)) for result in self._owed.values())
        file.write(records)
        os.fsync(file.fileno())
        scratch.rename(self._path)
        _sync_folder(self._folder)
        if self._file is not None:
            self._file.close()
        self._file, self._size_bytes = file, len(records)

    def _sync(self) -> None:
        assert self._file is not None
        os.fdatasync(self._file.fileno())


def _record(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _read(path: Path) -> dict[bytes, ExecutionResult]:
    """What a log owes; one that cannot be read to its end is kept beside it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    owed: dict[bytes, ExecutionResult] = {}
    read_bytes = 0
    for body in _bodies(data):
        kind, content = body[:1], body[1:]
        if kind == _STORED:
            owed.pop(content, None)
        else:
            with contextlib.suppress(LayoutMismatch):
                result = decode(content)
                if isinstance(result, ExecutionResult):
                    owed[result.plan_id] = result
        read_bytes += _HEAD.size + len(body)
    if read_bytes < len(data):
        damaged = path.with_suffix(".damaged")
        damaged.unlink(missing_ok=True)
        damaged.hardlink_to(path)
        _log.warning("a log of endings was damaged", kept_as=str(damaged), read_bytes=read_bytes, of_bytes=len(data))
    return owed


def _bodies(data: bytes) -> Iterator[bytes]:
    position = 0
    while position + _HEAD.size <= len(data):
        size, checksum = _HEAD.unpack_from(data, position)
        body = data[position + _HEAD.size : position + _HEAD.size + size]
        if not 1 <= size <= _RECORD_BYTES_MAX or len(body) < size or zlib.crc32(body) != checksum:
            return
        yield body
        position += _HEAD.size + size


def _locked(path: Path) -> IO[bytes] | None:
    """The lock file, locked; `None` when somebody living holds it."""
    lock = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return None
    return lock


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
