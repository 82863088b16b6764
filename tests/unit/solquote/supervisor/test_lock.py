import fcntl
import os
from pathlib import Path

import pytest

from quote_core.running.data_folder import Running, running_platform
from solquote.supervisor.lock import DataFolderTaken, take_data_folder


def test_the_second_is_refused_and_told_who_holds_the_folder(tmp_path: Path):
    refused = pytest.raises(DataFolderTaken, match=f"process {os.getpid()}")
    with take_data_folder(tmp_path, {}), refused, take_data_folder(tmp_path, {}):
        pass


def test_while_it_is_held_others_find_the_environment(tmp_path: Path):
    with take_data_folder(tmp_path, {"SOLQUOTE_RPC_URL": "http://127.0.0.1:1"}):
        assert running_platform(tmp_path) == Running(os.getpid(), {"SOLQUOTE_RPC_URL": "http://127.0.0.1:1"})


def test_nothing_is_left_afterwards(tmp_path: Path):
    with take_data_folder(tmp_path, {}):
        pass
    assert running_platform(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_supervisor_left_counts_for_nothing(tmp_path: Path):
    (tmp_path / "up.json").write_text('{"pid": 1, "environment": {}}')
    assert running_platform(tmp_path) is None
    with take_data_folder(tmp_path, {}) as killed:
        assert killed == Running(1, {})
        assert running_platform(tmp_path) == Running(os.getpid(), {})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x", "environment": {}}', '{"pid": 1, "environment": 1}'])
def test_a_damaged_file_names_nobody(tmp_path: Path, content: str):
    (tmp_path / "up.json").write_text(content)
    with take_data_folder(tmp_path, {}) as killed:
        assert killed is None


def test_a_command_that_looks_this_moment_does_not_keep_a_supervisor_out(tmp_path: Path, monkeypatch):
    with (tmp_path / "up.json").open("wb") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        monkeypatch.setattr("time.sleep", lambda _: fcntl.flock(looked_at, fcntl.LOCK_UN))
        with take_data_folder(tmp_path, {}) as killed:
            assert killed is None


def test_no_folder_means_nothing_runs(tmp_path: Path):
    assert running_platform(tmp_path / "absent") is None
