"""`journal verify` and `journal replay` on a journal of real events."""

import json
from pathlib import Path

import pytest
from fakes.pipeline_events import opportunity
from fakes.plans import plan

from pipeline.event_logger.journal import Journal, JournalBounds
from pipeline.event_logger.segments import segments
from quote_core.events import encode, kind_of, subject_of
from solquote.cli import run

SECOND_NS = 1_000_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three opportunities and three plans, a second apart."""
    folder = tmp_path / "journal"
    with Journal(folder, bounds=JournalBounds(segment_bytes_max=2_000, segment_count_max=9)) as journal:
        for sequence in (1, 2, 3):
            for event in (opportunity(), plan(sequence)):
                journal.append(
                    stream=kind_of(type(event)).stream,
                    created="then",
                    sequence=sequence,
                    subject=subject_of(event),
                    stored_unix_ns=1_700_000_000 * SECOND_NS + sequence * SECOND_NS,
                    payload=encode(event),
                )
    return folder


def ask(line: str, capsys: pytest.CaptureFixture[str], *, code: int = 0) -> str:
    assert run(line.split()) == code
    return capsys.readouterr().out


def test_a_whole_journal_is_told_as_such(folder: Path, capsys: pytest.CaptureFixture[str]):
    told = json.loads(ask(f"journal verify --dir {folder} --json", capsys))
    assert told["isIntact"]
    assert told["eventCount"] == 6
    assert told["findings"] == []
    assert "is whole" in ask(f"journal verify --dir {folder}", capsys)


def test_the_first_damage_is_named_and_the_exit_code_is_5(folder: Path, capsys: pytest.CaptureFixture[str]):
    second = segments(folder)[1]
    damaged = bytearray(second.read_bytes())
    damaged[-40] ^= 1
    second.write_bytes(damaged)
    told = json.loads(ask(f"journal verify --dir {folder} --json", capsys, code=5))
    assert not told["isIntact"]
    assert told["findings"][0]["file"] == str(second)
    assert "changed" in told["findings"][0]["rule"]
    assert ask(f"journal verify --dir {folder}", capsys, code=5).startswith(f"DAMAGED, first at {second.name} at byte ")


def test_replay_prints_what_fits_oldest_first(folder: Path, capsys: pytest.CaptureFixture[str]):
    def replayed(options: str) -> list[tuple[str, int]]:
        lines = ask(f"journal replay --dir {folder} {options}", capsys).splitlines()
        return [(line["event"]["type"], line["sequence"]) for line in map(json.loads, lines)]

    assert len(replayed("")) == 6
    assert replayed("--type ExecutionPlan") == [("ExecutionPlan", number) for number in (1, 2, 3)]
    assert replayed("--stream OPPORTUNITIES --since 2023-11-14T22:13:22 --until 2023-11-14T22:13:23") == [
        ("TwoHopArbitrage", 2)
    ]
    assert replayed("--pair SOL-USDT") == []


def test_a_folder_without_a_journal_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for folder, sentence in ((tmp_path, "holds no journal"), (tmp_path / "absent", "No such file or directory")):
        assert run(["journal", "verify", "--dir", str(folder)]) == 3
        assert sentence in capsys.readouterr().err
