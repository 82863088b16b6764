"""The shm commands on files that a test writes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shm import QuoteWriter, Role
from shm.base58 import mint_bytes
from solquote.cli import run

SOL = mint_bytes("So11111111111111111111111111111111111111112")
USDC = mint_bytes("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("SOLQUOTE_SHM_DIR", str(tmp_path))
    monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path / "data"))
    with QuoteWriter.open(tmp_path, Role.INTERNAL) as internal, QuoteWriter.open(tmp_path, Role.EXTERNAL):
        internal.assign(0, SOL, USDC)
        internal.publish(0, input_amount=1_000, output_amount=80, ts_ns=1)
        yield tmp_path


def as_json(capsys: pytest.CaptureFixture[str]) -> dict:
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("folder")
def test_inspect_shows_both_files(capsys: pytest.CaptureFixture[str]):
    assert run(["shm", "inspect", "--json"]) == 0
    internal, external = as_json(capsys)["files"]
    assert (internal["role"], internal["valid"], internal["epoch"]) == ("internal", 1, 1)
    assert internal["writer"] in {"live", "hung or stopped"}  # the last heartbeat may be old by now: nobody beats here
    assert (external["role"], external["valid"]) == ("external", 0)
    assert run(["shm", "inspect"]) == 0
    assert "2 of 512 readable" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_a_table_of_a_correct_writer_is_clean(capsys: pytest.CaptureFixture[str]):
    assert run(["shm", "verify", "--json"]) == 0
    assert as_json(capsys) == {"findings": []}
    assert run(["shm", "verify"]) == 0
    assert capsys.readouterr().out == "quotes-internal.mmap: clean\nquotes-external.mmap: clean\n"


def test_an_impossible_value_is_told_and_the_answer_is_no(folder: Path, capsys: pytest.CaptureFixture[str]):
    with (
        QuoteWriter.open(folder / "other", Role.INTERNAL) as damaged,
        QuoteWriter.open(folder / "other", Role.EXTERNAL),
    ):
        damaged.assign(0, SOL, SOL)
        damaged.publish(0, input_amount=1_000, output_amount=80, ts_ns=1)
        assert run(["shm", "verify", "--dir", str(folder / "other"), "--json"]) == 1
        (finding,) = as_json(capsys)["findings"]
        assert (finding["file"], finding["where"]) == ("quotes-internal.mmap", "entry 0 mints")
        assert run(["shm", "verify", "--dir", str(folder / "other")]) == 1
        assert "entry 0 mints: name two different tokens" in capsys.readouterr().out


@pytest.mark.usefixtures("folder")
def test_bench_measures_beside_an_empty_call(capsys: pytest.CaptureFixture[str]):
    assert run(["shm", "bench", "--json"]) == 0
    figures = as_json(capsys)["p50Ns"]
    assert next(iter(figures)) == "empty call"
    assert {"truth of a handle", "reused view of an entry", "poll, nothing changed"} < set(figures)
    assert all(figure > 0 for figure in figures.values())


@pytest.mark.parametrize("command", ["inspect", "verify", "bench"])
def test_missing_files_are_a_sentence(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert run(["shm", command, "--dir", str(tmp_path)]) == 3
    assert "quotes-internal.mmap does not exist yet" in capsys.readouterr().err
