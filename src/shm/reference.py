"""The slow, readable twin: decode a private byte image of a file with nothing but `struct`.

It is the specification the compiled reader is tested against, and what `inspect` and `verify` are built on. It must be
given bytes that nobody writes to: an image of a live file comes from `Table.image()`, which copies by the protocol.
"""

from dataclasses import dataclass
from typing import Any

from shm.layout import HEADER, SEQUENCE_BITS, SEQUENCE_MASK, Record, TableCounts, counts_of


@dataclass(frozen=True, slots=True)
class Image:
    """Every record of a file, decoded to name and value."""

    counts: TableCounts
    header: dict[str, Any]
    slots: list[dict[str, Any]]
    entries: list[dict[str, Any]]


def decode_record(record: Record, image: bytes, number: int) -> dict[str, Any]:
    """Decode one record of a file image."""
    values = record.codec.unpack_from(image, record.offset + number * record.size_bytes)
    return {field.name: value for field, value in zip(record.fields, values, strict=True)}


def decode_records(record: Record, image: bytes) -> list[dict[str, Any]]:
    """Decode all records of a kind."""
    names = [field.name for field in record.fields]
    region = memoryview(image)[record.offset : record.end_offset]
    return [dict(zip(names, values, strict=True)) for values in record.codec.iter_unpack(region)]


def encode_record(record: Record, values: dict[str, Any]) -> bytes:
    """Encode one record; the inverse of `decode_record`."""
    return record.codec.pack(*(values[field.name] for field in record.fields))


def decode(image: bytes) -> Image:
    """Decode a whole file image of any counts."""
    counts = counts_of(image)
    return Image(
        counts=counts,
        header=decode_record(HEADER, image, 0),
        slots=decode_records(counts.slot, image),
        entries=decode_records(counts.entry, image),
    )


def generation(version: int) -> int:
    """Identity generation of an entry's version."""
    return version >> SEQUENCE_BITS


def write_count(version: int) -> int:
    """Writes of an entry, doubled; odd while one is under way."""
    return version & SEQUENCE_MASK
