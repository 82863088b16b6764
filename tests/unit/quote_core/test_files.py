import os
from pathlib import Path

import pytest

from quote_core.files import NotOwnersAlone, Replacement, read_owners_alone, remove_abandoned, replace_file


@pytest.mark.parametrize(
    ("mode", "is_read_by_owner", "is_read_when_root_gave_it"),
    [
        (0o600, True, True),
        (0o400, True, True),
        (0o640, False, True),
        (0o440, False, True),
        (0o660, False, False),
        (0o650, False, False),
        (0o604, False, False),
        (0o644, False, False),
    ],
)
def test_a_secret_is_its_owner_s_or_given_by_root_to_a_group_that_may_only_read(
    mode: int, is_read_by_owner: bool, is_read_when_root_gave_it: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    path = tmp_path / "secret"
    path.write_text("a secret, and more")
    path.chmod(mode)
    for euid, is_read in ((0, is_read_by_owner), (1_000, is_read_when_root_gave_it)):
        monkeypatch.setattr(os, "geteuid", lambda euid=euid: euid)
        if is_read:
            assert read_owners_alone(path, bytes_max=8) == b"a secret"
        else:
            with pytest.raises(NotOwnersAlone, match=f"has mode {mode:04o}"):
                read_owners_alone(path, bytes_max=8)


def test_a_file_written_piece_by_piece_is_there_whole_once_it_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    replace_file(path, b"old")
    replacement = Replacement(path)
    replacement.write(b"new ")
    assert path.read_bytes() == b"old"
    replacement.write(b"content")
    replacement.commit()
    assert path.read_bytes() == b"new content"
    assert list(path.parent.iterdir()) == [path]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_file_that_is_abandoned_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    replacement = Replacement(path)
    replacement.write(b"new")
    replacement.abandon()
    replacement.abandon()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    names = ["[a]", "[a].x", f"[a].{os.getpid()}", "[a].1073741824", "a.1073741824", "[a].1073741824.y"]
    for name in names:
        (tmp_path / name).touch()
    remove_abandoned(tmp_path / "[a]")
    assert {path.name for path in tmp_path.iterdir()} == set(names) - {"[a].1073741824"}
    remove_abandoned(tmp_path / "absent" / "file")
