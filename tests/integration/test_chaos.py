"""Under a minute of kills, pauses, a full disk, clock steps and halts; `make chaos` makes ten minutes of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
]

CHAOS = Path(__file__).resolve().parents[1] / "chaos"
MINUTES = 0.75
DEADLINE_S = 420.0


def test_nothing_is_lost_doubled_or_traded_after_a_halt_whatever_dies() -> None:
    command = [sys.executable, str(CHAOS), "--minutes", str(MINUTES), "--seed", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert " acknowledged halts" in ended.stdout
