"""Who sees to which alert."""

from pathlib import Path

from pipeline.notifier.acknowledgements import place_acknowledgement, waiting_acknowledgements


def test_one_that_is_placed_is_found_until_it_is_taken_away(tmp_path: Path):
    placed = place_acknowledgement(tmp_path, 17, by="alice")
    assert placed.is_waiting
    (found,) = waiting_acknowledgements(tmp_path)
    assert found == placed
    found.take_away()
    assert not placed.is_waiting
    assert list(waiting_acknowledgements(tmp_path)) == []


def test_other_files_are_none_and_a_name_is_printable_and_short(tmp_path: Path):
    assert list(waiting_acknowledgements(tmp_path)) == []
    place_acknowledgement(tmp_path, 1, by="a\nb\x1b" + "c" * 500)
    (tmp_path / "acknowledged" / "x").touch()
    (tmp_path / "acknowledged" / "2.4711").touch()
    (found,) = waiting_acknowledgements(tmp_path)
    assert found.by == "ab" + "c" * 98
