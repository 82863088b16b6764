"""The scripts of `solquote completion`, in the shells they are for; one that is not installed is skipped."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.stopwatch import Stopwatch

DEADLINE_S = 120.0
SHELLS = ("bash", "zsh", "fish")
TYPED = [
    ("solquote qu", "quote"),
    ("solquote verify-quotes --p", "--pools"),
    ("solquote shm ins", "inspect"),
    ("solquote quote JupS", "JupSOL"),
    ("solquote profile plan", "planner"),
]
"""What is typed, and the one word that its end becomes."""


def path_of(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """With a `solquote` that completes, and tells what else it was called with."""
    program = tmp_path / "bin" / "solquote"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\n[ "$_SOLQUOTE_COMPLETE" ] && exec "{sys.executable}" -m solquote "$@"\necho "ran: $*."\n'
    )
    program.chmod(0o700)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "TERM": "dumb", "HOME": str(tmp_path)}


@pytest.fixture
def script(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Of the shell that the test is about, as it is printed."""
    shell = request.getfixturevalue("shell")
    command = [sys.executable, "-m", "solquote", "completion", shell]
    path = tmp_path / f"solquote.{shell}"
    path.write_bytes(subprocess.run(command, check=True, capture_output=True).stdout)
    return path


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_parses(shell: str, script: Path) -> None:
    done = subprocess.run([path_of(shell), "-n", str(script)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("line", "completed"), TYPED)
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_tab_completes(
    shell: str, line: str, completed: str, script: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """As a person types it, on a terminal, in a shell that has read the script as docs/cli.md says."""
    begin = {
        "bash": [path_of(shell), "--norc", "--noprofile", "-i"] if shell == "bash" else [],
        "zsh": [path_of(shell), "-f", "-i"] if shell == "zsh" else [],
    }[shell]
    ready = f"autoload -U compinit; compinit -u -d {tmp_path}/dump; " if shell == "zsh" else ""
    said = said_by(begin, [f"{ready}. {script}\n", f"{line}\t\n"], environ, until="ran: ")
    words = [*line.split()[1:-1], completed]
    assert f"ran: {' '.join(words)}." in said


@pytest.mark.parametrize(("line", "completed"), TYPED)
@pytest.mark.parametrize("shell", ["fish"])
def test_fish_completes(shell: str, line: str, completed: str, script: Path, environ: dict[str, str]) -> None:
    command = [path_of(shell), "--no-config", "-c", f"source {script}; complete --do-complete '{line}'"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environ)
    assert [each.split("\t")[0] for each in done.stdout.splitlines()] == [completed]


@pytest.mark.parametrize(("line", "completed"), TYPED)
def test_what_zsh_and_fish_ask_is_answered_also_where_they_are_not_installed(line: str, completed: str) -> None:
    """By the variables that their scripts set."""
    for shell in ("zsh", "fish"):
        asked = {
            "_SOLQUOTE_COMPLETE": f"complete_{shell}",
            "_TYPER_COMPLETE_ARGS": line,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        done = subprocess.run(
            [sys.executable, "-m", "solquote"], check=True, capture_output=True, text=True, env=os.environ | asked
        )
        assert re.search(rf"(^|\W){completed}(\W|$)", done.stdout)


def said_by(command: list[str], typed: list[str], environ: dict[str, str], *, until: str) -> str:
    """What a shell on a terminal prints when all that was typed has been worked through."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(command[0], command, environ)
    said, watch = "", Stopwatch()
    try:
        for line in typed:
            os.write(terminal, line.encode())
        while not re.search(rf"{until}[^\n]*\n", said) and watch.elapsed_s < DEADLINE_S:
            if select.select([terminal], [], [], 1.0)[0]:
                said += os.read(terminal, 65_536).decode(errors="replace")
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
    return said
