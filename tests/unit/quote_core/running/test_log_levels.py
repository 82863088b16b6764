from pathlib import Path

import pytest

from quote_core.running.log_levels import LEVELS_NAME, forget_levels, levels_set, set_levels


def test_levels_are_set_process_by_process_until_each_is_given_back_its_own(tmp_path: Path):
    assert levels_set(tmp_path) == {}
    set_levels(tmp_path, ["scanner", "planner"], "debug")
    set_levels(tmp_path, ["planner"], "error")
    assert levels_set(tmp_path) == {"scanner": "debug", "planner": "error"}
    set_levels(tmp_path, ["scanner"], None)
    assert levels_set(tmp_path) == {"planner": "error"}
    assert (tmp_path / LEVELS_NAME).stat().st_mode & 0o777 == 0o600
    forget_levels(tmp_path)
    forget_levels(tmp_path)
    assert levels_set(tmp_path) == {}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"scanner": "loud"}', '{"scanner": 3}'])
def test_a_file_that_says_nothing_sensible_sets_nothing(tmp_path: Path, content: str):
    (tmp_path / LEVELS_NAME).write_text(content)
    assert levels_set(tmp_path) == {}
