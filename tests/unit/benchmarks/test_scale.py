"""That the benchmark runs, on few pools: what it costs is for a quiet machine."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_few_pools_of_every_dex_are_loaded_swapped_and_priced() -> None:
    command = [sys.executable, "benchmarks/scale.py", "--quick", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["pairs"], figures["pools"], figures["rows"]) == (6, 30, 480)
    swapped = {name for name in figures if name.startswith("swap_")}
    assert len(swapped) == 6
    assert all(figures[name] > 0 for name in swapped)
    assert figures["rows_changed"] > 0
