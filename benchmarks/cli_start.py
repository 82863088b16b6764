"""What a command costs from its start to its end, beside a Python that does nothing.

    python benchmarks/cli_start.py [--runs 9]

Help is told by the command alone. Whole runs ask a platform on the recorded market that this benchmark starts on free
ports, and ends; its own load counts in wall time, and not in processor time.

The fastest of several runs counts. Processor time, user and system together, depends less on what else the machine does
than wall time (a crowded one still adds a third or more: cold caches), and has the floor: every command starts within
0.3 s, and so does every whole run that does not ask NATS; exit 1 if missed. Wall time is what somebody waits for. Each
is given beside that of `python -c pass` in the same run.
"""

import sys

sys.path.pop(0)  # this file's folder, where other files are named like packages

import argparse
import contextlib
import json
import os
import resource
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from solquote.command_table import COMMANDS

FLOOR_S: Final = 0.3
HELP: Final = (
    "--version",
    "--help",
    "completion bash",
    *(f"{command.name} --help" for command in COMMANDS),
)
"""What is told before another process is asked. The libraries that ask (NATS, gRPC, HTTP) are loaded for the call."""
WHOLE: Final = (
    "settings",
    "init --force settings.toml",
    "status",
    "logs",
    "watch --once",
    "shm inspect",
    "quote SOL USDC 1",
    "pools",
    "tokens",
    "top --once",
    "kill --reason benchmark",
    "release",
)
WITHOUT_FLOOR: Final = ("events stats", "pnl", "services", "doctor")
"""Those that talk to NATS, or to a whole platform."""
EXIT_CODES_MAX: Final = 1
"""Quotes may be such that the answer is no."""


@dataclass(frozen=True)
class Cost:
    """The fastest of some runs."""

    processor_s: float
    wall_s: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {**os.environ, "COLUMNS": "80", "SOLQUOTE_DATA_DIR": str(folder / "data")}
        nothing = fastest([sys.executable, "-c", "pass"], runs, folder, environ)
        print(f"{'':38} processor        wall")
        print(f"{'python -c pass':38} {in_words(nothing)}")
        missed = [line for line in HELP if not is_within(line, runs, folder, environ, nothing, FLOOR_S)]
        with platform(folder / "data"):
            missed += [line for line in WHOLE if not is_within(line, runs, folder, environ, nothing, FLOOR_S)]
            for line in WITHOUT_FLOOR:
                is_within(line, runs, folder, environ, nothing, None)
    return 1 if missed else 0


@contextlib.contextmanager
def platform(data_dir: Path) -> Iterator[None]:
    """A healthy one, on free ports."""
    command = [sys.executable, "-m", "solquote", "up", "--json", "--free-ports", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "processes are healthy" in json.loads(line).get("message", ""):
                break
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate()


def is_within(
    line: str, runs: int, folder: Path, environ: Mapping[str, str], nothing: Cost, floor_s: float | None
) -> bool:
    """Measure a line and tell what it cost; whether that is within the floor."""
    cost = fastest([sys.executable, "-m", "solquote", *line.split()], runs, folder, environ)
    is_missed = floor_s is not None and cost.processor_s > floor_s
    verdict = "" if floor_s is None else f"   floor {floor_s * 1e3:.0f} ms" + (", MISSED" if is_missed else "")
    times = f"{cost.processor_s / nothing.processor_s:5.1f} x, {cost.wall_s / nothing.wall_s:5.1f} x"
    print(f"solquote {line:29} {in_words(cost)}   {times}{verdict}", flush=True)
    return not is_missed


def in_words(cost: Cost) -> str:
    return f"{cost.processor_s * 1e3:6.0f} ms   {cost.wall_s * 1e3:6.0f} ms"


def fastest(command: list[str], runs: int, folder: Path, environ: Mapping[str, str]) -> Cost:
    """Of several runs; processor and wall time each by themselves."""
    costs = [cost_of(command, folder, environ) for _ in range(runs)]
    return Cost(min(cost.processor_s for cost in costs), min(cost.wall_s for cost in costs))


def cost_of(command: list[str], folder: Path, environ: Mapping[str, str]) -> Cost:
    before, began_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environ, cwd=folder
    )
    wall_s = time.perf_counter() - began_s
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode > EXIT_CODES_MAX:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return Cost((after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime), wall_s)


if __name__ == "__main__":
    sys.exit(main())
