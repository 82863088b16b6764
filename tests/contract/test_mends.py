"""The table of `make mends` is about the present source and the present tests."""

from pathlib import Path

import pytest
from mends.table import MENDS, Mend

TESTS = Path(__file__).resolve().parents[1]
SOURCE = TESTS.parent / "src"


@pytest.mark.parametrize("mend", MENDS, ids=lambda mend: f"{mend.number}: {mend.rule}")
def test_a_mend_stands_once_in_the_source_and_its_test_is_there(mend: Mend) -> None:
    for edit in mend.edits:
        assert (SOURCE / edit.file).read_text().count(edit.present) == 1, edit
        assert edit.without != edit.present
    file, _, name = mend.test.partition("::")
    assert f"def {name.partition('[')[0]}(" in (TESTS / file).read_text()
