"""Tables of other counts than the layout's, through the C header."""

import struct
import subprocess
from pathlib import Path

import pytest
from prove.build import HERE, program

from shm import (
    QuoteReader,
    QuoteWriter,
    Role,
    TableCounts,
    WrongCounts,
    WrongFile,
    WrongLayout,
    WrongSize,
    WrongVersion,
    layout,
    row_of_index,
)

SIZES = [(1_000, 512), (2_000, 1_024), (65_535, 512), (65_535, 65_536), (1, 512)]
WRONG_SIZE, WRONG_MAJOR, WRONG_LAYOUT, OTHER_COUNTS = 3, 5, 6, 12
REFUSALS: dict[int, type[WrongFile] | tuple[type[WrongFile], ...]] = {
    WRONG_SIZE: (WrongSize, WrongCounts),
    WRONG_MAJOR: WrongVersion,
    WRONG_LAYOUT: WrongLayout,
}


def run(*words: str) -> str:
    """What the program of `sized.c` prints."""
    command = [str(program(HERE / "sized.c", "-O2")), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def made(directory: Path, entries: int, slots: int) -> Path:
    """A table of those counts, in the internal file's place."""
    directory.chmod(0o750)
    path = directory / Role.INTERNAL.file_name
    run("make", str(path), str(entries), str(slots))
    return path


@pytest.mark.parametrize(("entries", "slots"), SIZES)
def test_a_reader_learns_the_counts_from_the_file(tmp_path: Path, entries: int, slots: int) -> None:
    path = made(tmp_path, entries, slots)
    assert path.stat().st_size == 128 + 64 * slots + 128 * entries
    last = entries - 1
    quotes = " ".join(f"{index}:{1_000 + index}" for index in sorted({0, last}))
    assert run("read", str(path)) == f"{entries} {slots} {quotes}"


@pytest.mark.parametrize(("entries", "slots"), SIZES)
def test_a_reader_of_the_layouts_counts_refuses_other_ones_by_name(tmp_path: Path, entries: int, slots: int) -> None:
    path = made(tmp_path, entries, slots)
    assert run("read-contract", str(path)) == f"refused: {OTHER_COUNTS}"
    assert path.stat().st_size != layout.FILE_BYTES  # by which older releases refuse it


@pytest.mark.parametrize(("entries", "slots"), SIZES)
def test_the_readers_in_python_and_c_say_the_same(tmp_path: Path, entries: int, slots: int) -> None:
    path = made(tmp_path, entries, slots)
    with QuoteReader.open(tmp_path) as reader:
        assert reader.counts(Role.INTERNAL) == TableCounts(entries, slots)
        told = [f"{row_of_index(index)}:{reader.view(index).output_amount}" for index in reader.poll()]
    assert run("read", str(path)).split()[2:] == told


@pytest.mark.parametrize(("entries", "slots"), SIZES)
def test_a_reader_in_c_follows_a_writer_in_python(tmp_path: Path, entries: int, slots: int) -> None:
    tmp_path.chmod(0o750)
    with QuoteWriter.open(tmp_path, Role.INTERNAL, counts=TableCounts(entries, slots)) as writer:
        writer.assign(entries - 1, b"\x01" * 32, b"\x02" * 32)
        writer.publish(entries - 1, input_amount=1_000, output_amount=5, ts_ns=1)
        assert run("read", str(writer.path)) == f"{entries} {slots} {entries - 1}:5"


def test_a_reader_of_any_counts_reads_the_layouts(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with QuoteWriter.open(tmp_path, Role.INTERNAL) as writer:
        writer.assign(3, b"\x01" * 32, b"\x02" * 32)
        writer.publish(3, input_amount=1_000, output_amount=5, ts_ns=1)
        assert run("read", str(writer.path)) == "2000 512 3:5"
        assert run("read-contract", str(writer.path)) == "2000 512 3:5"


@pytest.mark.parametrize(
    ("offset", "code", "value", "reason"),
    [
        (64, "<I", 0, WRONG_SIZE),
        (64, "<I", 999, WRONG_SIZE),
        (64, "<I", 65_536, WRONG_SIZE),
        (68, "<I", 0, WRONG_SIZE),
        (68, "<I", 256, WRONG_SIZE),
        (68, "<I", 768, WRONG_SIZE),
        (68, "<I", 1 << 31, WRONG_SIZE),
        (0, "<Q", layout.MAGIC, WRONG_SIZE),
        (8, "<H", layout.ABI_MAJOR + 1, WRONG_MAJOR),
        (12, "<I", layout.LAYOUT_CRC, WRONG_LAYOUT),
    ],
)
def test_a_header_that_does_not_describe_its_file_is_refused(
    tmp_path: Path, offset: int, code: str, value: int, reason: int
) -> None:
    path = made(tmp_path, 1_000, 512)
    image = bytearray(path.read_bytes())
    struct.pack_into(code, image, offset, value)
    path.write_bytes(image)
    assert run("read", str(path)) == f"refused: {reason}"
    with pytest.raises(REFUSALS[reason]):
        QuoteReader.open(tmp_path)
    path.write_bytes(image[:100])
    assert run("read", str(path)) == f"refused: {WRONG_SIZE}"
