"""One record of the journal as bytes: encode, decode, and the hash that chains it to the one before.

Little-endian:

| offset  | size | field                                                              |
|---------|------|--------------------------------------------------------------------|
| 0       | 4    | size of the whole record in bytes, this field and the hash included |
| 4       | 1    | kind: see `Kind`                                                   |
| 5       | 1    | size of the stream's name                                          |
| 6       | 2    | size of the subject                                                |
| 8       | 8    | index: place in the journal, from 0, one more each                 |
| 16      | 8    | sequence in the stream; 0 where the kind has none                  |
| 24      | 8    | time the stream stored the event, ns since 1970                    |
| 32      | 32   | hash of the record before; zeros before the first                  |
| 64      | n    | stream, subject, payload                                           |
| size-32 | 32   | SHA-256 of all bytes before it                                     |

The chain shows every edit, removal and insertion made without redoing all hashes behind it; whoever fears somebody
who redoes them keeps the head hash elsewhere.
"""

import enum
import hashlib
import struct
from dataclasses import dataclass
from typing import Final

__all__ = ["GENESIS", "HASH_BYTES", "RECORD_BYTES_MAX", "JournalRecord", "Kind", "Unreadable", "decode", "encode"]

HASH_BYTES: Final = 32
GENESIS: Final = bytes(HASH_BYTES)
"""What stands for the hash before the first record."""

RECORD_BYTES_MAX: Final = 16 * 1024 * 1024
"""No event is larger: nats-server refuses more than 1 MiB unless told otherwise, and 64 MiB always."""

_HEAD: Final = struct.Struct("<IBBHQQQ32s")
_SIZE: Final = struct.Struct("<I")


class Kind(enum.IntEnum):
    """What a record is about."""

    SEGMENT = 1
    """First of a file; payload: JSON, every stream's position."""
    EVENT = 2
    """One event as the stream stored it."""
    GAP = 3
    """The stream no longer had the events before `sequence`; payload: JSON, which."""
    STREAM = 4
    """From here on the stream's sequences count anew: it was created at `payload`."""


_KINDS: Final = frozenset(int(kind) for kind in Kind)


class Unreadable(Exception):  # never leaves this package: a finding of `verify`, or a cut at recovery
    """These bytes are no record."""

    def __init__(self, rule: str, *, torn: bool) -> None:
        super().__init__(rule)
        self.rule = rule
        self.torn = torn
        """Whether a write that did not end explains it."""


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """One entry of the journal."""

    kind: Kind
    index: int
    stream: str
    subject: str
    sequence: int
    stored_unix_ns: int
    payload: bytes
    previous: bytes
    digest: bytes = b""
    """Set by `decode`; `encode` works it out."""


def encode(record: JournalRecord) -> tuple[bytes, bytes]:
    """Give the record's bytes and its hash."""
    stream, subject = record.stream.encode(), record.subject.encode()
    size_bytes = _HEAD.size + len(stream) + len(subject) + len(record.payload) + HASH_BYTES
    assert size_bytes <= RECORD_BYTES_MAX
    head = _HEAD.pack(
        size_bytes,
        record.kind,
        len(stream),
        len(subject),
        record.index,
        record.sequence,
        record.stored_unix_ns,
        record.previous,
    )
    body = b"".join((head, stream, subject, record.payload))
    digest = hashlib.sha256(body).digest()
    return body + digest, digest


def decode(data: memoryview) -> tuple[JournalRecord, int]:
    """Read the record at the start of `data`, and say how many bytes it takes.

    Raises:
        Unreadable: Not a whole record, or its hash is another.
    """
    if len(data) < _SIZE.size:
        raise Unreadable("the file ends inside a record", torn=True)
    (size_bytes,) = _SIZE.unpack_from(data)
    if size_bytes == 0 and not any(data):
        raise Unreadable("the file ends in zeros", torn=True)
    if not _HEAD.size + HASH_BYTES <= size_bytes <= RECORD_BYTES_MAX:
        raise Unreadable(f"a record of {size_bytes} bytes is impossible", torn=False)
    if len(data) < size_bytes:
        raise Unreadable("the file ends inside a record", torn=True)
    body, digest = data[: size_bytes - HASH_BYTES], bytes(data[size_bytes - HASH_BYTES : size_bytes])
    if hashlib.sha256(body).digest() != digest:
        raise Unreadable("the record's hash is another: it was changed", torn=False)
    _, kind, stream_bytes, subject_bytes, index, sequence, stored_unix_ns, previous = _HEAD.unpack_from(body)
    subject_at = _HEAD.size + stream_bytes
    payload_at = subject_at + subject_bytes
    if payload_at > len(body) or kind not in _KINDS:
        raise Unreadable("the record's parts do not add up", torn=False)
    record = JournalRecord(
        kind=Kind(kind),
        index=index,
        stream=str(body[_HEAD.size : subject_at], "utf-8"),
        subject=str(body[subject_at:payload_at], "utf-8"),
        sequence=sequence,
        stored_unix_ns=stored_unix_ns,
        payload=bytes(body[payload_at:]),
        previous=previous,
        digest=digest,
    )
    return record, size_bytes
