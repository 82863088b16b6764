"""`nats-config` says what to start and what to tell the platform; a server that cannot be is refused."""

import json
from pathlib import Path

import pytest

from solquote.command_line import run_command_line
from solquote.exit_codes import ExitCode


def test_a_cluster_is_written_and_what_the_platform_has_to_be_told_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [word for number in range(3) for word in ("--node", f"nats-{number}.nats")]
    assert run_command_line(["nats-config", str(tmp_path / "own"), *nodes, "--tls", "/etc/nats/tls"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert "SOLQUOTE_NATS_URL=tls://nats-0.nats:4222,tls://nats-1.nats:4222,tls://nats-2.nats:4222\n" in said
    assert f"SOLQUOTE_NATS_CREDENTIALS={tmp_path / 'own' / 'credentials'}\n" in said
    assert "SOLQUOTE_INITIALIZER_REPLICAS=3\n" in said
    assert "SOLQUOTE_NATS_TLS_CA=/etc/nats/tls/ca.crt\n" in said
    assert f"nats-server --config {tmp_path / 'own' / 'nats-2.conf'}" in said


def test_in_json_it_is_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["nats-config", str(tmp_path), "--node", "[::1]:14222", "--json"]) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told["servers"] == [str(tmp_path / "nats-0.conf")]
    assert told["settings"]["SOLQUOTE_NATS_URL"] == "nats://[::1]:14222"


def test_a_server_with_a_small_disk_is_told_how_much_of_it_streams_may_take(tmp_path: Path) -> None:
    assert run_command_line(["nats-config", str(tmp_path), "--disk", "20"]) == ExitCode.OK
    assert "max_file_store: 20000000000" in (tmp_path / "nats-0.conf").read_text()


@pytest.mark.parametrize(
    ("nodes", "why"),
    [
        (["nats://a:4222"], "must be HOST or HOST:PORT"),
        (["a:0"], "must be HOST or HOST:PORT"),
        (["a:65000"], "the port up to 61535"),
        (["a", "a:4222"], "names a server twice"),
    ],
)
def test_servers_that_cannot_be_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nodes: list[str], why: str
) -> None:
    options = [word for node in nodes for word in ("--node", node)]
    assert run_command_line(["nats-config", str(tmp_path / "own"), *options]) == ExitCode.BAD_INPUT
    assert why in capsys.readouterr().err
    assert not (tmp_path / "own").exists()
