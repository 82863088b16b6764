"""A whole platform that asks for tokens and certificates of everybody, its own processes and commands included."""

import json
import signal
from pathlib import Path

import pytest
from fakes.access import write_access_file, write_secret
from fakes.browser import chromium
from fakes.certificates import Authority
from fakes.running_platform import RunningPlatform, solquote
from fakes.waiting import DEADLINE_S

pytestmark = pytest.mark.integration

OWN, OTHER = "the-token-of-our-own-processes", "a-token-that-nobody-knows"


def environment(tmp_path: Path) -> dict[str, str]:
    authority = Authority(tmp_path / "ca")
    server, client = authority.issue("server"), authority.issue("client")
    named = {
        "ACCESS_FILE": write_access_file(tmp_path / "access", {OWN: "platform read,admin,uncounted"}),
        "CLIENT_RATE": 0.5,  # far less than our own processes ask
        "CLIENT_BURST": 50,
        "TLS_CERTIFICATE": server.certificate,
        "TLS_KEY": server.key,
        "TLS_CLIENT_CA": authority.path,
        "ASK_CA": authority.path,
        "ASK_CERTIFICATE": client.certificate,
        "ASK_KEY": client.key,
        "ASK_TOKEN_FILE": write_secret(tmp_path / "shown", OWN),
    }
    return {f"SOLQUOTE_{name}": str(value) for name, value in named.items()}


def test_a_platform_that_asks_everybody_quotes_trades_stops_and_takes_new_tokens(tmp_path: Path) -> None:
    data_dir, environ = tmp_path / "data", environment(tmp_path)
    with RunningPlatform(data_dir, environ={**environ, "SOLQUOTE_HOST": "0.0.0.0"}) as platform:
        platform.until_healthy()

        def command(*arguments: str, **more: str) -> tuple[int, str]:
            done = solquote(*arguments, data_dir=data_dir, environ={**environ, **more})
            return done.returncode, done.stdout + done.stderr

        assert command("quote", "SOL", "USDC", "1")[0] in (0, 1)
        assert command("pools", "SOL", "USDC")[0] == 0
        assert command("top", "--once")[0] == 0
        code, said = command("doctor", "--json")
        assert code == 0, said
        code, said = command("services", "--json")
        services = {(one["name"], one["protocol"]): one["answers"] for one in json.loads(said)["services"]}
        for name, protocol in (("aggregator", "gRPC"), ("aggregator", "HTTP"), ("system_manager", "HTTP")):
            assert services[name, protocol], said

        other = str(write_secret(tmp_path / "other", OTHER))
        code, said = command("quote", "SOL", "USDC", "1", SOLQUOTE_ASK_TOKEN_FILE=other)
        assert code > 1
        assert "a valid Bearer token is required" in said
        assert OTHER not in said

        code, said = command("kill", "--json", "--reason", "drill")
        assert code == 0, said
        assert json.loads(said)["confirmedBy"] == "system manager"
        code, said = command("release", "--json", "--reason", "drill is over")
        assert code == 0, said

        before = platform.pids()
        write_access_file(tmp_path / "access", {OTHER: "other read"})
        platform.process.send_signal(signal.SIGHUP)
        platform.until(lambda: command("quote", "SOL", "USDC", "1", SOLQUOTE_ASK_TOKEN_FILE=other)[0] < 2, seconds=60)
        assert command("quote", "SOL", "USDC", "1")[0] > 1
        assert platform.pids() == before  # those that have nothing to read again live on, too
    logs = {path.name: path.read_text() for path in (data_dir / "logs").glob("*.log")}
    audit = [json.loads(line) for line in logs["system_manager.log"].splitlines() if '"admin call"' in line]
    assert [(one["call"], one["client"], one["outcome"]) for one in audit] == [
        ("POST /api/killswitch/enable", "token kill-switch.token", "200"),
        ("POST /api/killswitch/disable", "token kill-switch.token", "200"),
    ]
    assert any("GET /page/live" in line and "token platform" in line for line in logs["aggregator.log"].splitlines())
    assert not any(token in text for text in logs.values() for token in (OWN, OTHER))


def test_a_browser_shows_the_token_as_a_password_and_the_page_lives(tmp_path: Path) -> None:
    named = {
        "SOLQUOTE_ACCESS_FILE": write_access_file(tmp_path / "access", {OWN: "platform read,admin"}),
        "SOLQUOTE_ASK_TOKEN_FILE": write_secret(tmp_path / "shown", OWN),
    }
    environ = {name: str(path) for name, path in named.items()}
    with chromium() as browser, RunningPlatform(tmp_path / "data", environ=environ) as platform:
        platform.until_healthy()
        url = f"http://127.0.0.1:{platform.environment['SOLQUOTE_AGGREGATOR_HTTP_PORT']}/"
        page = browser.new_context(http_credentials={"username": "me", "password": OWN}).new_page()
        assert page.goto(url).status == 200
        page.wait_for_function(
            "() => document.querySelector('#vital-line')?.innerText.includes('live')"
            " && document.querySelectorAll('#quotes-rows tr').length > 1"
            " && document.body.innerText.includes('ACTIVE')",
            timeout=DEADLINE_S * 1_000,
        )
