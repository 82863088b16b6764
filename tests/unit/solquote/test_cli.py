"""Every foreseeable error: one sentence or one JSON object on standard error, and the exit code that tells its kind."""

import json
from pathlib import Path

import pytest
from fakes.ports import free_port

from solquote.cli import run

NOWHERE = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("SOLQUOTE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SOLQUOTE_SHM_DIR", str(tmp_path / "shm"))
    monkeypatch.setenv("SOLQUOTE_AGGREGATOR_ADDRESS", NOWHERE)
    monkeypatch.setenv("SOLQUOTE_LOCAL_QUOTE_ADDRESS", NOWHERE)
    monkeypatch.setenv("SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT", str(free_port()))
    monkeypatch.setenv("SOLQUOTE_NATS_URL", f"nats://{NOWHERE}")  # not a platform's that runs here, which it would stop


@pytest.mark.parametrize(
    ("line", "exit_code", "code", "message"),
    [
        ("quote SOL USDC 1", 3, "UNAVAILABLE", "the aggregator at 127.0.0.1:1 cannot be reached"),
        ("quote SOL NOPE 1", 2, "NOT_FOUND", "OUT: NOPE is not in the token registry"),
        ("quote SOLL USDC 1", 2, "NOT_FOUND", "IN: SOLL is not in the token registry; did you mean SOL?"),
        ("qoute SOL USDC 1", 2, "USAGE", "No such command 'qoute'. Did you mean 'quote'?"),
        ("quote 0OIl USDC 1", 2, "NOT_FOUND", "IN: 0OIl is not in the token registry"),
        ("quote SOL SOL 1", 2, "INVALID_ARGUMENT", "output_mint: must differ from input_mint"),
        ("quote SOL USDC 0", 2, "INVALID_ARGUMENT", "AMOUNT: must be above zero, got 0"),
        ("quote SOL USDC -1", 2, "INVALID_ARGUMENT", "AMOUNT: must be above zero, got -1"),
        ("quote SOL USDC 1e30", 2, "INVALID_ARGUMENT", "AMOUNT: must be a plain decimal number such as 1.5"),
        ("quote SOL USDC 1_5", 2, "INVALID_ARGUMENT", "AMOUNT: must be a plain decimal number such as 1.5, got '1_5'"),
        ("quote SOL USDC ١٥", 2, "INVALID_ARGUMENT", "AMOUNT: must be a plain decimal number such as 1.5, got '١٥'"),
        ("quote SOL USDC nan", 2, "INVALID_ARGUMENT", "AMOUNT: must be a plain decimal number such as 1.5"),
        ("quote SOL USDC 99999999999", 2, "INVALID_ARGUMENT", "AMOUNT: must fit in 64 bits of smallest units"),
        ("quote SOL USDC 1 --slippage-bps 1_0", 2, "USAGE", "'1_0' is not a plain decimal number"),
        ("quote SOL USDC 1 --timeout=1_0", 2, "USAGE", "'--timeout': '1_0' is not a plain decimal number"),
        ("quote SOL USDC 1 --timeout inf", 2, "USAGE", "'inf' is not a plain decimal number"),
        ("quote SOL USDC 1 --timeout 1e0", 2, "USAGE", "'1e0' is not a plain decimal number"),
        ("up --seed ٣", 2, "USAGE", "'--seed': '٣' is not a plain decimal number"),
        ("up --seed -3", 2, "USAGE", "greater than or equal to 0"),
        ("pnl --last 1_0", 2, "USAGE", "'1_0' is not a plain decimal number"),
        ("quote USDC SOL 0.0000001", 2, "INVALID_ARGUMENT", "AMOUNT: has more than the token's 6 decimal places"),
        ("quote SOL USDC 1,5", 2, "INVALID_ARGUMENT", "AMOUNT: must be a plain decimal number such as 1.5"),
        ("quote SOL USDC", 2, "USAGE", "Missing argument"),
        ("quote SOL USDC 1 --timeout 0", 2, "USAGE", "Invalid value"),
        ("pools", 3, "UNAVAILABLE", "the local quote service at 127.0.0.1:1 cannot be reached"),
        ("pools SOL", 2, "INVALID_ARGUMENT", "OUT: name the token to pair SOL with"),
        ("watch", 3, "UNAVAILABLE", "there are no quote files in"),
        ("watch --amount 0", 2, "INVALID_ARGUMENT", "--amount: must be above zero"),
        ("kill --timeout 0.6", 3, "UNAVAILABLE", "there is no kill-switch token at"),
        ("release", 3, "UNAVAILABLE", "there is no kill-switch token at"),
        ("status", 3, "UNAVAILABLE", "no platform runs with the data folder"),
        ("status --follow", 3, "UNAVAILABLE", "no platform runs with the data folder"),
        ("nonsense", 2, "USAGE", "No such command 'nonsense'"),
        ("up --seed x", 2, "USAGE", "Invalid value"),
        ("up --rpc-url ftp://x", 2, "INVALID_SETTINGS", "SOLQUOTE_RPC_URL: must be a URL such as http://host:port"),
    ],
)
def test_an_error_is_one_sentence_or_one_object(
    line: str, exit_code: int, code: str, message: str, capsys: pytest.CaptureFixture[str]
):
    assert run(line.split()) == exit_code
    plain = capsys.readouterr()
    assert plain.out == ""
    assert plain.err.startswith("solquote: ")
    assert message in plain.err
    assert plain.err.count("\n") == 1

    assert run([*line.split(), "--json"]) == exit_code
    as_json = capsys.readouterr()
    assert as_json.out == ""
    error = json.loads(as_json.err)
    assert error["errorCode"] == code
    assert message in error["error"]


LOOK_AT_A_PLATFORM = (
    "quote SOL USDC 1",
    "watch",
    "pools",
    "tokens",
    "oracles",
    "pnl",
    "release",
    "shm inspect",
    f"record {'1' * 32} -o x",
)


@pytest.mark.parametrize("line", [*LOOK_AT_A_PLATFORM, "up"])
def test_an_unknown_setting_is_refused_by_every_command_that_has_settings(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("SOLQUOTE_AGGREGATOR_HTTP_PROT", "1")
    assert run(line.split()) == 2
    expected = "SOLQUOTE_AGGREGATOR_HTTP_PROT: no such setting; did you mean SOLQUOTE_AGGREGATOR_HTTP_PORT?"
    assert capsys.readouterr().err == f"solquote: {expected}\n"


@pytest.mark.parametrize("line", [*LOOK_AT_A_PLATFORM, "doctor"])
def test_a_data_folder_that_is_not_there_is_an_error_where_a_platform_is_looked_at(
    line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "no where"
    assert run([*line.split(), "--data-dir", str(folder)]) == 2
    made = f"`solquote up --data-dir '{folder}'` makes it"
    assert capsys.readouterr().err == f"solquote: --data-dir: {folder} is no folder; {made}\n"
    assert not folder.exists()


def test_a_data_folder_that_cannot_be_made_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("SOLQUOTE_NATS_URL")
    (tmp_path / "file").touch()
    assert run(["up", "--free-ports", "--data-dir", str(tmp_path / "file" / "data")]) == 2
    assert capsys.readouterr().err == f"solquote: SOLQUOTE_DATA_DIR: {tmp_path}/file is not a folder\n"


def test_tokens_come_without_prices_while_nothing_runs(capsys: pytest.CaptureFixture[str]):
    assert run(["tokens", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["tokens"]) == 17
    assert ["SOL", "USDC"] in answer["pairs"]
    assert "cannot be reached" in answer["withoutPrices"]
    assert all(token["usd"] is None for token in answer["tokens"])

    assert run(["tokens"]) == 0
    printed = capsys.readouterr()
    assert "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v" in printed.out
    assert "no prices: the local quote service" in printed.err


def test_oracles_are_an_error_while_nothing_runs(capsys: pytest.CaptureFixture[str]):
    assert run(["oracles"]) == 3
    assert "the local quote service at 127.0.0.1:" in capsys.readouterr().err
    assert run(["oracles", "SOLL"]) == 2
    assert "TOKEN" in capsys.readouterr().err


def test_a_token_nobody_answers_to_says_that_the_manager_is_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kill-switch.token").write_text("0123456789abcdef")
    assert run(["kill"]) == 3
    assert "the system manager at 127.0.0.1:" in capsys.readouterr().err


def test_the_commands_are_listed_without_arguments(capsys: pytest.CaptureFixture[str]):
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out
    for command in ("up", "quote", "watch", "pools", "tokens", "oracles", "doctor", "kill", "release", "pnl", "shm"):
        assert command in listed


def test_a_command_without_its_sub_command_prints_help_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    assert run(["shm"]) == 2
    printed = capsys.readouterr()
    assert "inspect" in printed.out
    assert printed.err == ""
