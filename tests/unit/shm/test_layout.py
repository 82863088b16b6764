import zlib
from pathlib import Path

import pytest

import shm
from shm import generate, layout


def test_file_has_the_size_the_protocol_gives() -> None:
    assert layout.FILE_BYTES == 288_832
    assert [record.offset for record in layout.RECORDS] == [0, 64, 32_832]


@pytest.mark.parametrize("record", layout.RECORDS, ids=lambda record: record.name)
def test_fields_fill_their_record_without_gap_or_overlap(record: layout.Record) -> None:
    end = 0
    for field in record.fields:
        assert field.offset == end
        assert field.offset % min(field.size_bytes, 8) == 0
        end += field.size_bytes
    assert end == record.size_bytes == record.codec.size


def test_everything_that_changes_with_a_quote_is_in_the_hot_line() -> None:
    cold = [field.name for field in layout.ENTRY.fields if field.offset >= layout.HOT_BYTES]
    assert cold == ["input_mint", "output_mint"]


def test_checksum_covers_every_offset() -> None:
    text = layout.canonical_text()
    assert zlib.crc32(text.encode()) == layout.LAYOUT_CRC
    for record in layout.RECORDS:
        for field in record.fields:
            assert f"{record.name}.{field.name} {field.offset} {field.kind}\n" in text


def test_checksum_is_the_published_one() -> None:
    # A change here is a change of the format: raise ABI_MAJOR, and say so in the changelog.
    assert layout.LAYOUT_CRC == 0x9B04F05F


@pytest.mark.parametrize("path", generate.outputs(Path(shm.__file__).parent), ids=lambda path: path.name)
def test_generated_file_is_current(path: Path) -> None:
    assert path.read_text() == generate.outputs(path.parent)[path], "run `python -m shm.generate`"
