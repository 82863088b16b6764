"""The whole platform with larger quote files: its processes publish to them and trade on them."""

import json
import subprocess
from pathlib import Path

import pytest
from fakes.running_platform import EAGER, RunningPlatform, solquote
from prove.build import HERE, program

from shm import QuoteReader, Role, TableCounts, row_of_index
from solquote.exit_codes import ExitCode

pytestmark = pytest.mark.integration

TRADE_S = 120.0
COUNTS = TableCounts(20_000, 4_096)
SIZES = {"SOLQUOTE_SHM_ENTRY_COUNT": str(COUNTS.entries), "SOLQUOTE_SHM_SLOT_COUNT": str(COUNTS.slots)}
LIMITS = {
    "SOLQUOTE_LOCAL_QUOTE_QUOTES_PER_REQUEST_MAX": str(COUNTS.entries),
    "SOLQUOTE_LOCAL_QUOTE_TABLE_ROW_COUNT_MAX": str(2 * COUNTS.entries),
}


def test_limits_that_larger_files_would_meet_are_named_before_anything_starts(tmp_path: Path) -> None:
    refused = solquote("up", "--free-ports", data_dir=tmp_path, environ=SIZES)
    assert refused.returncode == ExitCode.BAD_INPUT
    for name in LIMITS:
        assert f"{name}: must be at least SOLQUOTE_SHM_ENTRY_COUNT, which is 20000" in refused.stderr


def test_a_platform_with_larger_files_publishes_and_trades(tmp_path: Path) -> None:
    with RunningPlatform(tmp_path, environ=EAGER | SIZES | LIMITS) as running:
        running.until_healthy()
        shm_dir = Path(running.environment["SOLQUOTE_SHM_DIR"])
        inspected = solquote("shm", "inspect", "--json", data_dir=tmp_path)
        files = json.loads(inspected.stdout)["files"]
        assert [(file["entryCount"], file["ringSlots"]) for file in files] == [(COUNTS.entries, COUNTS.slots)] * 2
        assert {file["state"] for file in files} == {"live"}
        assert files[Role.INTERNAL]["valid"] > 100
        verified = solquote("shm", "verify", "--json", data_dir=tmp_path)
        assert json.loads(verified.stdout) == {"findings": []}
        with QuoteReader.open(shm_dir) as reader:
            quotes = [quote for quote in reader if quote.role is Role.INTERNAL]
            assert len(quotes) == len({row_of_index(quote.index) for quote in quotes}) > 100
            in_c = [str(program(HERE / "sized.c", "-O2")), "read", str(shm_dir / Role.INTERNAL.file_name)]
            entries, slots, *told = subprocess.run(in_c, capture_output=True, text=True, check=True).stdout.split()
            assert (int(entries), int(slots)) == (COUNTS.entries, COUNTS.slots)
            assert len(told) >= len(quotes)
        running.until(lambda: trade_count(tmp_path) > 0, seconds=TRADE_S)


def trade_count(data_dir: Path) -> int:
    """Trades on paper so far: what the scanner found in these files, planned and filled."""
    answer = solquote("pnl", "--json", data_dir=data_dir)
    return int(json.loads(answer.stdout)["summary"]["tradeCount"]) if answer.returncode == ExitCode.OK else 0
