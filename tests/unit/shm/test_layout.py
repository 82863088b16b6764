import zlib
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import shm
from shm import TableCounts, generate, layout

counts = st.builds(TableCounts, st.integers(1, 65_535), st.sampled_from([512 << bits for bits in range(8)]))


def test_file_has_the_size_the_protocol_gives() -> None:
    assert layout.FILE_BYTES == 288_832
    assert [record.offset for record in layout.RECORDS] == [0, 64, 32_832]


@pytest.mark.parametrize("record", [*layout.RECORDS, layout.COUNTS], ids=lambda record: record.name)
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


def test_checksum_of_other_counts_is_the_published_one_and_covers_every_offset() -> None:
    text = layout.sized_text()
    assert zlib.crc32(text.encode()) == layout.SIZED_LAYOUT_CRC == 0xF55C2437
    for record in (*layout.RECORDS, layout.COUNTS):
        for field in record.fields:
            assert f"{record.name}.{field.name} {field.offset} {field.kind}\n" in text


def test_the_layouts_counts_give_the_layout_itself() -> None:
    assert TableCounts(2_000, 512) == layout.CONTRACT
    assert layout.CONTRACT.is_contract
    assert (layout.CONTRACT.slot, layout.CONTRACT.entry) == (layout.SLOT, layout.ENTRY)
    assert layout.CONTRACT.file_bytes == 288_832


@given(counts)
def test_no_file_of_other_counts_has_the_layouts_size_or_an_unaligned_record(counts: TableCounts) -> None:
    assume(not counts.is_contract)
    assert counts.fault() is None
    assert counts.file_bytes == 128 + 64 * counts.slots + 128 * counts.entries != layout.FILE_BYTES
    assert counts.slot.offset % 64 == counts.entry.offset % 64 == 0
    image = bytearray(layout.COUNTS.end_offset)
    image[:8] = layout.SIZED_MAGIC.to_bytes(8, "little")
    image[64:72] = counts.entries.to_bytes(4, "little") + counts.slots.to_bytes(4, "little")
    assert layout.counts_of(bytes(image)) == counts


@given(counts, st.sampled_from(layout.Role), st.data())
def test_an_index_tells_its_file_and_row_whatever_the_counts(
    counts: TableCounts, role: layout.Role, data: st.DataObject
) -> None:
    row = data.draw(st.integers(0, counts.entries - 1))
    index = counts.first_index(role) + row
    assert (layout.role_of_index(index), layout.row_of_index(index)) == (role, row)


@pytest.mark.parametrize(
    ("counts", "fault"),
    [
        (TableCounts(0, 512), ("entries", "must be 1 to 65535")),
        (TableCounts(65_536, 512), ("entries", "must be 1 to 65535")),
        (TableCounts(2_000, 256), ("slots", "must be a power of two, 512 to 65536")),
        (TableCounts(2_000, 768), ("slots", "must be a power of two, 512 to 65536")),
        (TableCounts(2_000, 131_072), ("slots", "must be a power of two, 512 to 65536")),
        (TableCounts(1, 512), None),
        (TableCounts(65_535, 65_536), None),
    ],
)
def test_counts_that_no_table_has_are_named(counts: TableCounts, fault: tuple[str, str] | None) -> None:
    assert counts.fault() == fault


@pytest.mark.parametrize("path", generate.outputs(Path(shm.__file__).parent), ids=lambda path: path.name)
def test_generated_file_is_current(path: Path) -> None:
    assert path.read_text() == generate.outputs(path.parent)[path], "run `python -m shm.generate`"
