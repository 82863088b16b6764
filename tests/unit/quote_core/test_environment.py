import os
import pwd
from pathlib import Path

import pytest

from quote_core.environment import NoHome, default_data_dir, given


def test_what_is_empty_or_blank_is_not_given_and_blanks_around_a_value_are_left_out():
    assert given({"A": "", "B": " \n", "C": "c\n"}) == {"C": "c"}


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"HOME": "/h"}, "/h/.local/state/solquote"),
        ({"HOME": "/h", "XDG_STATE_HOME": "/state"}, "/state/solquote"),
        ({"HOME": "/h", "XDG_STATE_HOME": "relative"}, "/h/.local/state/solquote"),
        ({"HOME": "relative"}, f"{pwd.getpwuid(os.getuid()).pw_dir}/.local/state/solquote"),
        ({}, f"{pwd.getpwuid(os.getuid()).pw_dir}/.local/state/solquote"),
    ],
)
def test_the_data_folder_is_where_the_specification_wants_it(environ: dict[str, str], folder: str):
    assert default_data_dir(environ) == Path(folder)


def test_who_has_no_home_folder_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch):
    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(NoHome, match="SOLQUOTE_DATA_DIR or XDG_STATE_HOME"):
        default_data_dir({})
