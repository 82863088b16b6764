import struct

import pytest

from quote_core.events import EVENT_KINDS
from quote_core.events.fields import EventField, scalar
from quote_core.events.layout import ROOT, layout_of, part_in_table, table_layout
from quote_core.events.subjects import EventKind

KINDS = pytest.mark.parametrize("kind", EVENT_KINDS, ids=lambda kind: kind.event.__name__)


@KINDS
def test_every_field_lies_in_its_table_aligned_and_alone(kind: EventKind) -> None:
    laid = layout_of(kind)
    for table, table_at in ((ROOT, laid.root_at), (laid.body, laid.body_at)):
        end = 4
        for offset, field in sorted(zip(table.offsets, table.fields, strict=True), key=lambda placed: placed[0]):
            part = part_in_table(field)
            assert offset >= end
            assert (table_at + offset) % part.align_bytes == 0
            end = offset + part.size_bytes
        assert end == table.size_bytes
        assert table_at + end <= len(laid.template)


@KINDS
def test_a_template_leads_from_its_begin_to_both_tables_and_their_vtables(kind: EventKind) -> None:
    laid = layout_of(kind)
    assert struct.unpack_from("<I4s", laid.template) == (laid.root_at, kind.file_identifier)
    body_offset_at = laid.root_at + ROOT.offsets[2]
    assert body_offset_at + int(struct.unpack_from("<I", laid.template, body_offset_at)[0]) == laid.body_at
    for table, table_at in ((ROOT, laid.root_at), (laid.body, laid.body_at)):
        vtable_at = table_at - int(struct.unpack_from("<i", laid.template, table_at)[0])
        assert laid.template[vtable_at : vtable_at + len(table.vtable)] == table.vtable


def test_wide_fields_lie_before_narrow_ones_so_that_nothing_is_padded() -> None:
    table = table_layout(tuple(EventField(code, slot, scalar(code)) for slot, code in enumerate("BQHI")))
    assert table.offsets == (22, 8, 20, 16)
    assert table.vtable == struct.pack("<6H", 12, 23, 22, 8, 20, 16)
