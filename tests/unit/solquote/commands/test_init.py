"""`init` writes the file, keeps what is there, and says how to use it."""

import json
from pathlib import Path

import pytest

from solquote.command_line import run_command_line
from solquote.exit_codes import ExitCode


def test_the_file_is_for_its_owner_and_the_line_to_run_with_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["init"]) == ExitCode.OK
    path = tmp_path / "solquote.toml"
    assert f"SOLQUOTE_CONFIG={path}" in capsys.readouterr().out
    assert path.stat().st_mode & 0o777 == 0o600
    assert '[platform]\n## Address the quote APIs listen on; everything else has its own\n#host = "127.0.0.1"\n' in (
        path.read_text()
    )


def test_what_is_there_is_overwritten_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[platform]\n")
    assert run_command_line(["init", str(path), "--json"]) == ExitCode.NEGATIVE
    assert json.loads(capsys.readouterr().err)["errorCode"] == "ALREADY_EXISTS"
    assert path.read_text() == "[platform]\n"
    assert run_command_line(["init", str(path), "--force"]) == ExitCode.OK
    assert "#rpc_url" in path.read_text()


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "nowhere" / "solquote.toml"
    assert run_command_line(["init", str(path)]) == ExitCode.UNAVAILABLE
    assert capsys.readouterr().err == f"solquote: {path}: No such file or directory\n"
