"""Write what is made from the layout: `python -m shm.generate` (a test keeps the results current).

`layout.pxd` gives the compiled core its constants and record types; `solquote_shm.h` gives them to C, with the reading
half of the protocol from `solquote_shm.h.in`.
"""

from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

from shm import layout

C_TYPES = {"u8": "uint8_t", "u16": "uint16_t", "u32": "uint32_t", "u64": "uint64_t", "f64": "double"}


def constants() -> Iterator[tuple[str, int]]:
    """Every 32-bit constant by its C name."""
    yield "SQ_ABI_MAJOR", layout.ABI_MAJOR
    yield "SQ_ABI_MINOR", layout.ABI_MINOR
    yield "SQ_FILE_BYTES", layout.FILE_BYTES
    yield "SQ_SEQUENCE_BITS", layout.SEQUENCE_BITS
    yield "SQ_HOT_BYTES", layout.HOT_BYTES
    yield "SQ_HOT_WORDS", layout.HOT_BYTES // layout.WORD_BYTES
    yield "SQ_MINT_BYTES", layout.MINT_BYTES
    yield "SQ_READ_TRIES_MAX", layout.READ_TRIES_MAX
    yield "SQ_BATCH_ENTRIES_MAX", layout.BATCH_ENTRIES_MAX
    yield "SQ_SPIN_NS_MAX", layout.SPIN_NS_MAX
    yield "SQ_HEARTBEAT_PERIOD_NS_MAX", layout.HEARTBEAT_PERIOD_NS_MAX
    yield "SQ_HEARTBEAT_LATE_NS", layout.HEARTBEAT_LATE_NS
    yield "SQ_RECOVERY_SKIP", layout.RECOVERY_SKIP
    yield "SQ_INDEX_COUNT", layout.INDEX_COUNT
    yield "SQ_SIZED_SLOT_OFFSET_WORD", layout.COUNTS.end_offset // layout.WORD_BYTES
    yield "SQ_ENTRY_COUNT_MAX", layout.ENTRY_COUNT_MAX
    yield "SQ_SLOT_COUNT_MIN", layout.SLOT_COUNT_MIN
    yield "SQ_SLOT_COUNT_MAX", layout.SLOT_COUNT_MAX
    yield "SQ_SIZED_INDEX_STRIDE", layout.SIZED_INDEX_STRIDE
    for record in (*layout.RECORDS, layout.COUNTS):
        name = record.name.upper()
        yield f"SQ_{name}_OFFSET", record.offset
        yield f"SQ_{name}_OFFSET_WORD", record.offset // layout.WORD_BYTES
        yield f"SQ_{name}_BYTES", record.size_bytes
        yield f"SQ_{name}_WORDS", record.size_bytes // layout.WORD_BYTES
        yield f"SQ_{name}_COUNT", record.count
        for field in record.fields:
            yield f"SQ_{name}_{field.name.upper()}", field.offset
            yield f"SQ_{name}_{field.name.upper()}_WORD", field.offset // layout.WORD_BYTES
    groups: tuple[type[IntEnum] | type[layout.Flag] | type[layout.ChangeKind], ...] = (
        layout.Role,
        layout.State,
        layout.Flag,
        layout.ChangeKind,
    )
    for group in groups:
        prefix = "KIND" if group is layout.ChangeKind else group.__name__.upper()
        for value in group:
            yield f"SQ_{prefix}_{value.name}", int(value)
    yield "SQ_KIND_EVERYTHING", int(layout.ChangeKind.EVERYTHING)


def wide_constants() -> Iterator[tuple[str, int]]:
    """Constants that do not fit an int."""
    yield "SQ_MAGIC", layout.MAGIC
    yield "SQ_LAYOUT_CRC", layout.LAYOUT_CRC
    yield "SQ_SIZED_MAGIC", layout.SIZED_MAGIC
    yield "SQ_SIZED_LAYOUT_CRC", layout.SIZED_LAYOUT_CRC
    yield "SQ_SEQUENCE_MASK", layout.SEQUENCE_MASK


def member(field: layout.Field) -> str:
    """A field as a C struct member."""
    if field.kind == "bytes32":
        return f"uint8_t {field.name}[SQ_MINT_BYTES]"
    return f"{C_TYPES[field.kind]} {field.name}"


def c_layout() -> str:
    """The layout section of the C header."""
    lines = ["enum {"]
    lines += [f"    {name} = {value}," for name, value in constants()]
    lines += ["};"]
    lines += [f"static const uint64_t {name} = {value:#x}u;" for name, value in wide_constants()]
    lines += ["", "/* What SQ_LAYOUT_CRC is the CRC-32 (zlib's) of, so that a reader of your own can check itself:"]
    lines += [f" *     {line}" for line in layout.canonical_text().splitlines()]
    own = set(layout.canonical_text().splitlines())
    lines += [
        " * Each line ends with one newline character. SQ_SIZED_LAYOUT_CRC is of the same text with these in place"
    ]
    lines += [" * of their like:"]
    lines += [f" *     {line}" for line in layout.sized_text().splitlines() if line not in own]
    lines += [" * the lines of counts behind those of header. */"]
    for record in (*layout.RECORDS, layout.COUNTS):
        lines += ["", f"/* A private copy of one {record.name}; never point it at the mapping. */"]
        lines += [f"typedef struct sq_{record.name} {{"]
        lines += [f"    {member(field)}; /* {field.offset} */" for field in record.fields]
        lines += [f"}} sq_{record.name};"]
        lines += [f'SQ_ASSERT(sizeof(sq_{record.name}) == {record.size_bytes}, "{record.name} size");']
        lines += [
            f"SQ_ASSERT(offsetof(sq_{record.name}, {field.name}) == {field.offset}, "
            f'"{record.name}.{field.name} offset");'
            for field in record.fields
        ]
    return "\n".join(lines) + "\n"


def c_header(template: str) -> str:
    """The whole C header."""
    return template.replace("@LAYOUT@", c_layout())


def cython_header() -> str:
    """`layout.pxd`: the same constants and records, declared from the C header that asserts them."""
    lines = [
        "# Generated by `python -m shm.generate` from layout.py; edit that.",
        "from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t",
        "",
        'cdef extern from "solquote_shm.h" nogil:',
        "    enum:",
    ]
    lines += [f"        {name}" for name, _ in constants()]
    lines += [f"    const uint64_t {name}" for name, _ in wide_constants()]
    for record in (*layout.RECORDS, layout.COUNTS):
        lines += ["", f"    ctypedef struct sq_{record.name}:"]
        lines += [f"        {member(field)}" for field in record.fields]
    return "\n".join(lines) + "\n"


def outputs(package: Path) -> dict[Path, str]:
    """Path and text of every generated file."""
    template = (package / "solquote_shm.h.in").read_text()
    return {package / "solquote_shm.h": c_header(template), package / "layout.pxd": cython_header()}


if __name__ == "__main__":
    for path, text in outputs(Path(__file__).parent).items():
        path.write_text(text)
