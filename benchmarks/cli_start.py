"""What starting a command costs, in processor time, beside a Python that does nothing.

    python benchmarks/cli_start.py [--runs 9]

The time of the fastest of several runs counts, user and system together: it does not depend on what else the machine
does. Floor: every command starts within 0.3 s; exit 1 if missed.
"""

import argparse
import os
import resource
import subprocess
import sys
from typing import Final

from solquote.command_table import COMMANDS

FLOOR_S: Final = 0.3
LINES: Final = (
    "--version",
    "--help",
    "completion bash",
    *(f"{command.name} --help" for command in COMMANDS),
)
"""What is told before another process is asked. The libraries that ask (NATS, gRPC, HTTP) are loaded for the call."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    nothing_s = fastest_s([sys.executable, "-c", "pass"], runs)
    print(f"{'python -c pass':30} {nothing_s * 1e3:6.0f} ms")
    missed = []
    for line in LINES:
        took_s = fastest_s([sys.executable, "-m", "solquote", *line.split()], runs)
        if took_s > FLOOR_S:
            missed.append(line)
        verdict = f"floor {FLOOR_S * 1e3:.0f} ms" + (", MISSED" if took_s > FLOOR_S else "")
        print(f"solquote {line:21} {took_s * 1e3:6.0f} ms   {took_s / nothing_s:5.1f} x   {verdict}")
    return 1 if missed else 0


def fastest_s(command: list[str], runs: int) -> float:
    """Processor time of the fastest run."""
    return min(processor_s(command) for _ in range(runs))


def processor_s(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "COLUMNS": "80"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


if __name__ == "__main__":
    sys.exit(main())
