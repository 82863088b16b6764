"""One table of commands: each is found in its module, and loaded by nobody but the line that names it."""

import contextlib
import importlib
import json
import os
import pty
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from solquote.command_line import run_command_line
from solquote.command_table import COMMANDS, Command

HEAVY = ("grpc", "pydantic", "aiohttp.client", "nats", "solders", "structlog", "asyncio")
NOWHERE = ("SOLQUOTE_AGGREGATOR_ADDRESS", "SOLQUOTE_LOCAL_QUOTE_ADDRESS", "SOLQUOTE_NATS_URL")
CLIENTS = {"grpc", "aiohttp.client", "nats", "structlog"}
SUMMARY_LENGTH_MAX = 60
"""So that the list of commands has one line for each at 80 columns."""


def loaded_by(*arguments: str) -> set[str]:
    """What a fresh interpreter has imported when it has run this line."""
    code = (
        "import json, sys; from solquote.cli import run; "
        f"run({list(arguments)}); sys.stderr.write(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("line", ["--help", "-h", "--version"])
def test_what_needs_no_command_loads_none(line: str) -> None:
    loaded = loaded_by(*line.split())
    assert not loaded & set(HEAVY)
    assert {name for name in loaded if name.startswith("solquote.commands.")} == {"solquote.commands.completion"}


def test_a_command_is_loaded_without_its_neighbours() -> None:
    loaded = loaded_by("kill", "--help")
    assert {name for name in loaded if name.startswith("solquote.commands.")} == {
        "solquote.commands.completion",
        "solquote.commands.kill_switch",
        "solquote.commands.options",
    }
    assert not loaded & {"grpc", "aiohttp.client", "nats"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_what_a_call_needs_is_loaded_for_the_call_only(command: Command) -> None:
    """A command that refuses its arguments, or completes them, waits for no client of another process."""
    assert not loaded_by(command.name, "--help") & CLIENTS


@pytest.mark.parametrize(
    ("line", "may"),
    [
        ("settings", set()),
        ("settings --wide", set()),
        ("completion --help", set()),
        ("init settings.toml", {"pydantic"}),
        ("status", {"pydantic"}),
        ("logs", {"pydantic"}),
        ("journal verify", {"pydantic"}),
        ("shm inspect", {"pydantic"}),
        ("release", {"pydantic"}),
        ("kill --timeout 0.6", {"pydantic", "asyncio", "nats", "structlog", "solders"}),
        ("top", {"pydantic"}),
        ("watch --once", {"pydantic", "solders"}),
        ("pnl --last x", {"pydantic"}),
        ("events stats --stream x", {"pydantic", "solders"}),
        ("quote SOL SOL 1", {"pydantic", "solders"}),
        ("quote SOL USDC 1", {"pydantic", "solders", "grpc", "asyncio"}),
        ("pools", {"pydantic", "solders", "grpc", "asyncio"}),
        ("tokens", {"pydantic", "solders", "grpc", "asyncio"}),
        ("oracles", {"pydantic", "solders", "grpc", "asyncio"}),
        ("oracles NOTATOKEN", {"pydantic", "solders"}),
        ("events stats", {"pydantic", "asyncio", "nats", "structlog", "solders"}),
        ("pnl", {"pydantic", "asyncio", "nats", "structlog", "solders"}),
        ("services --timeout 0.5", {"pydantic", "asyncio", "nats", "structlog", "grpc", "solders"}),
    ],
)
def test_a_command_loads_no_more_than_its_answer_takes(
    line: str, may: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing to ask, which is told by whoever asks: all that an answer takes is loaded by then."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path))
    for variable in NOWHERE:
        monkeypatch.setenv(variable, "nats://127.0.0.1:1" if variable == "SOLQUOTE_NATS_URL" else "127.0.0.1:1")
    assert loaded_by(*line.split()) & set(HEAVY) <= may


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_line_of_the_table_leads_to_a_command(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    module = importlib.import_module(f"solquote.commands.{command.module}")
    assert hasattr(module, command.name.replace("-", "_"))
    assert len(command.summary) <= SUMMARY_LENGTH_MAX
    assert run_command_line([command.name, "-h"]) == 0
    assert f"Usage: solquote {command.name}" in capsys.readouterr().out


def test_the_list_has_every_command_with_its_summary_on_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run_command_line(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for command in COMMANDS:
        assert any(command.name in line and command.summary in line for line in lines)


@pytest.mark.parametrize("line", ["doctor --timeout 0.05", "tokens"])
def test_who_wants_no_colours_gets_no_escape_code_at_all(line: str, tmp_path: Path) -> None:
    def printed(**environ: str) -> bytes:
        ours, its = pty.openpty()
        environ = {**os.environ, "TERM": "xterm", "SOLQUOTE_DATA_DIR": str(tmp_path), **environ}
        with subprocess.Popen([sys.executable, "-m", "solquote", *line.split()], env=environ, stdout=its) as process:
            os.close(its)
            said = b""
            with contextlib.suppress(OSError):  # how a terminal says that nobody is left to write to it
                while some := os.read(ours, 65_536):
                    said += some
            os.close(ours)
        assert process.returncode in {0, 1, 2}
        return said

    assert b"\x1b" in printed(NO_COLOR="")
    assert b"\x1b" not in printed(NO_COLOR="1")


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["--version"]) == 0
    assert capsys.readouterr().out == f"solquote {metadata.version('solquote')}\n"


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("solquote qu", ["quote"]),
        ("solquote verify-quotes --p", ["--pools"]),
        ("solquote shm ins", ["inspect"]),
        ("solquote quote USD", ["USDC", "USDT"]),
        ("solquote orac", ["oracles"]),
        ("solquote oracles USD", ["USDC", "USDT"]),
        ("solquote quote SOL USDC 1 --exact", ["--exact-out"]),
    ],
)
def test_bash_completes_commands_options_and_tokens(words: str, completed: list[str], tmp_path: Path) -> None:
    """By the script as it is printed, in a bash of its own."""
    program = tmp_path / "solquote"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m solquote "$@"\n')
    program.chmod(0o700)
    code = f"""
        eval "$(solquote completion bash)"
        COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
        _solquote_completion solquote
        echo "${{COMPREPLY[@]}}"
    """
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "--norc", "-c", code], check=True, capture_output=True, text=True, env=environ)
    assert done.stdout.split() == completed


def test_a_shell_without_a_script_is_an_error_that_names_those_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["completion", "csh"]) == 2
    expected = "solquote: Invalid value for 'SHELL': 'csh' is not one of 'bash', 'zsh', 'fish'.\n"
    assert capsys.readouterr().err == expected
