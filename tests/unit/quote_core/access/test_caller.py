from pathlib import Path

import pytest
from fakes.access import write_secret

from quote_core.access.caller import Caller, Unfit


def test_nothing_named_shows_nothing_and_speaks_plainly():
    caller = Caller()
    assert (caller.scheme, caller.headers(), caller.metadata(), caller.context) == ("http", {}, (), None)


def test_a_token_is_shown_as_its_file_has_it_by_then_and_a_file_that_is_wrong_by_then_changes_nothing(tmp_path: Path):
    path = write_secret(tmp_path / "token", "first\n")
    caller = Caller(token_file=path)
    assert caller.metadata() == (("authorization", "Bearer first"),)
    write_secret(path, "the second\n")
    assert caller.headers() == {"Authorization": "Bearer the second"}
    for wrong in ("", "two\nlines", "\u00fc"):
        write_secret(path, wrong)
        assert caller.headers() == {"Authorization": "Bearer the second"}
    path.unlink()
    assert caller.headers() == {"Authorization": "Bearer the second"}
    write_secret(path, "third")
    path.chmod(0o644)
    assert caller.headers() == {"Authorization": "Bearer the second"}


def test_a_token_that_others_may_read_is_not_shown_at_all(tmp_path: Path):
    path = write_secret(tmp_path / "token", "a-secret")
    path.chmod(0o640)
    with pytest.raises(Unfit, match="chmod 600") as caught:
        Caller(token_file=path)
    assert "a-secret" not in str(caught.value)
