"""`watch --follow`: a line for each change, for as long as somebody reads."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from quote_core.tokens import load_tokens
from shm import QuoteWriter, Role
from shm.base58 import mint_bytes
from solquote.command_line import run_command_line
from solquote.exit_codes import ExitCode

PAIRS = load_tokens().pairs
SOL, USDC = (mint_bytes(token.mint) for token in PAIRS[0].directions()[0])
DEADLINE_S = 60.0


@pytest.fixture
def internal(tmp_path: Path) -> Iterator[QuoteWriter]:
    with QuoteWriter.open(tmp_path, Role.INTERNAL) as internal, QuoteWriter.open(tmp_path, Role.EXTERNAL):
        internal.assign(0, SOL, USDC)
        internal.publish(0, input_amount=10**9, output_amount=80_000_000, ts_ns=1)
        yield internal


@contextmanager
def following(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The command, which is killed when a test takes too long."""
    environ = {**os.environ, "SOLQUOTE_SHM_DIR": str(folder), "SOLQUOTE_DATA_DIR": str(folder)}
    process = subprocess.Popen(
        [sys.executable, "-m", "solquote", "watch", "--follow", *options],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(DEADLINE_S, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def lines(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdout is not None
    return process.stdout


def told(process: subprocess.Popen[str]) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(lines(process).readline())
    return line


def test_all_pairs_come_first_and_then_what_changes(tmp_path: Path, internal: QuoteWriter) -> None:
    with following(tmp_path, "--json") as process:
        assert set(told(process)["writers"]) == {"internal", "external"}
        first = [told(process) for _ in PAIRS]
        assert [row["pair"] for row in first] == [f"{pair.base.symbol}/{pair.quote.symbol}" for pair in PAIRS]
        assert first[0]["forwardPrice"] == pytest.approx(80)
        internal.publish(0, input_amount=10**9, output_amount=81_000_000, ts_ns=2)
        row = told(process)
        while "pair" not in row:  # nobody beats for these writers, and that is told when it is noticed
            row = told(process)
        assert (row["pair"], row["forwardPrice"]) == ("SOL/USDC", pytest.approx(81))
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == ExitCode.INTERRUPTED
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.usefixtures("internal")
def test_it_ends_when_the_reader_goes_though_nothing_changes(tmp_path: Path) -> None:
    with following(tmp_path) as process:
        while "SOL/USDC  80" not in lines(process).readline():
            pass
        lines(process).close()
        assert process.wait(DEADLINE_S) == ExitCode.READER_GONE


def test_once_and_follow_are_two_things(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["watch", "--once", "--follow"]) == ExitCode.BAD_INPUT
    assert "ask for one" in capsys.readouterr().err
