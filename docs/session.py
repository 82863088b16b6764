"""Record docs/session.md: a platform of its own, the commands of a first hour, what they print at 80 columns.

python docs/session.py
"""

import contextlib
import fcntl
import os
import platform
import pty
import re
import select
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).with_suffix(".md")
COLUMNS, ROWS = 80, 24
SHOWN_FOLDER = "~/solquote-session"
HEALTHY_S = 120.0
TRADED_S = 120.0
COMMANDS = (
    "status",
    "quote SOL USDC 1.5",
    "quote SOL USDC 30000 --explain",
    "pools SOL USDC",
    "watch --once",
    "shm inspect",
    "pnl --last 3",
    "events tail -n 3",
    "events stats",
    "logs -n 6",
    'kill --reason "end of the demonstration"',
    "quote SOL sSOL 1",
    "doctor",
)
ENDED_S = 60.0


def main() -> None:
    """Run it all, then write the page."""
    with tempfile.TemporaryDirectory(prefix="solquote-session-") as folder:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SOLQUOTE_")}
        environment |= {"SOLQUOTE_DATA_DIR": folder, "NO_COLOR": "1", "TERM": "xterm"}
        parts = [introduction(), "## One terminal\n", "```", "$ solquote up --free-ports | cat"]
        command = [sys.executable, "-m", "solquote", "up", "--free-ports"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as up:
            try:
                parts += [started(up), "```\n", "## Another\n"]
                until_traded(environment)
                for line in COMMANDS:
                    parts += ["```", f"$ solquote {line}", answer(line, environment), "```\n"]
            finally:
                up.send_signal(signal.SIGINT)
                said, _ = up.communicate(timeout=ENDED_S)
        parts += ["## The first one, after Ctrl-C\n", "```", as_seen(said), f"$ echo $?\n{up.returncode}", "```"]
    PAGE.write_text("\n".join(parts).replace(folder, SHOWN_FOLDER) + "\n", encoding="utf-8")


def introduction() -> str:
    """When and on what."""
    return (
        f"# A session\n\nRecorded on {datetime.now(UTC):%d %B %Y} by `make session`, with Linux"
        f" {platform.release().partition('-')[0]}, Python {platform.python_version()} and {os.cpu_count()} cores,\n"
        f"on a terminal of {COLUMNS} columns: the recorded market, an empty data folder. What is longer than a line"
        " goes on in the\nnext, as there.\n"
    )


def started(up: subprocess.Popen[bytes]) -> str:
    """What it prints until all processes are healthy."""
    assert up.stdout is not None
    said = b""
    until = time.monotonic() + HEALTHY_S
    while b"processes are healthy" not in said:
        ready, _, _ = select.select([up.stdout], [], [], max(0.0, until - time.monotonic()))
        if not ready or not (some := os.read(up.stdout.fileno(), 65_536)):
            sys.exit(f"it did not start: {said.decode()}")
        said += some
    return as_seen(said)


def until_traded(environment: dict[str, str]) -> None:
    """Give paper time for a first fill, so that there is something to show."""
    until = time.monotonic() + TRADED_S
    while time.monotonic() < until and " 0 filled" in answer("pnl --last 0", environment).partition("\n")[0]:
        time.sleep(1)


def answer(line: str, environment: dict[str, str]) -> str:
    """What a command prints on a terminal, and its exit code where it is not 0."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    command = [sys.executable, "-m", "solquote", *shlex.split(line)]
    with subprocess.Popen(command, env=environment, stdout=its, stderr=its, stdin=its) as process:
        os.close(its)
        said = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody is left to write to it
            while some := os.read(ours, 65_536):
                said += some
        os.close(ours)
    code = f"\n$ echo $?\n{process.returncode}" if process.returncode else ""
    return as_seen(said) + code


def as_seen(said: bytes) -> str:
    """Without colours and without the blanks that fill tables; longer lines go on in the next, as on a terminal."""
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode()).replace("\r", "").rstrip().splitlines()
    pieces = (
        line.rstrip()[start : start + COLUMNS]
        for line in lines
        for start in range(0, max(1, len(line.rstrip())), COLUMNS)
    )
    return "\n".join(pieces)


if __name__ == "__main__":
    main()
