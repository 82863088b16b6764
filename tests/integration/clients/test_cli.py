"""Every command against a running platform, as text and as JSON."""

import json
import re
import time
from typing import Any

import pytest
from fakes.running_platform import RunningPlatform, solquote

from quote_core.tokens import Token, TokenRegistry, load_tokens

pytestmark = pytest.mark.integration

TRADED_S = 180.0
"""Within this at least one opportunity has become a plan, a paper fill and a line of P&L."""
UNQUOTED = {"sSOL", "mpSOL", "BGSOL"}
"""Neither a pool nor a rate of theirs is recorded."""
OBSERVED_SLOTS = 10


@pytest.fixture(scope="module")
def registry() -> TokenRegistry:
    return load_tokens()


def ask(platform: RunningPlatform, line: str, *, code: int = 0) -> Any:
    """The JSON answer of a command that ends with `code`."""
    ended = solquote(*line.split(), "--json", data_dir=platform.data_dir)
    assert ended.returncode == code, ended.stderr
    text = ended.stdout if code in {0, 1} and ended.stdout else ended.stderr
    assert re.findall(r'"[a-z0-9]+_[a-z0-9_]+":', text) == [], "names are camelCase"
    return json.loads(text)


def say(platform: RunningPlatform, line: str) -> str:
    """What a command that ends well prints for people."""
    ended = solquote(*line.split(), data_dir=platform.data_dir)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def quoted_pairs(registry: TokenRegistry) -> list[tuple[Token, Token]]:
    return [
        direction for pair in registry.pairs if pair.quote.symbol not in UNQUOTED for direction in pair.directions()
    ]


def test_quote_answers_from_both_sources_with_route_and_provenance(client_platform: RunningPlatform):
    answer = ask(client_platform, "quote SOL USDC 1.5")
    assert answer["inputAmount"] == 1_500_000_000
    sources = {source["name"]: source for source in answer["sources"]}
    assert set(sources) == {"local", "jupiter"}
    assert answer["outputAmount"] == sources[answer["best"]]["outputAmount"]
    local = sources["local"]
    assert local["route"][0]["provenance"] == "recorded"
    assert set(local["factors"]) == {"poolAge", "route", "oracle", "provider", "slippage"}
    printed = say(client_platform, "quote SOL USDC 1.5")
    assert printed.startswith("1.5 SOL -> ")
    assert "recorded" in printed


def test_quote_says_what_a_wanted_output_costs(client_platform: RunningPlatform):
    answer = ask(client_platform, "quote SOL USDC 100 --exact-out")
    assert answer["outputAmount"] >= 100_000_000
    assert 1_000_000_000 < answer["inputAmount"] < 2_000_000_000
    assert [source["name"] for source in answer["sources"]] == ["local"]


def test_quote_goes_through_another_token_where_a_pair_has_no_pool(client_platform: RunningPlatform):
    answer = ask(client_platform, "quote JitoSOL USDC 1")
    (local,) = [source for source in answer["sources"] if source["name"] == "local"]
    assert [hop["inputMint"] for hop in local["route"]] == [answer["input"]["mint"], local["route"][0]["outputMint"]]
    assert local["factors"]["route"] == 0.8
    assert "through" in say(client_platform, "quote JitoSOL USDC 1")


def test_quote_splits_an_amount_and_comes_back_to_where_it_began(client_platform: RunningPlatform):
    answer = ask(client_platform, "quote SOL USDC 500 --max-splits 3")
    (local,) = answer["sources"]
    assert sum(hop["legPercent"] for hop in local["route"]) == 100
    assert sum(hop["inputAmount"] for hop in local["route"]) == answer["inputAmount"]
    circular = ask(client_platform, "quote SOL SOL 1 --max-hops 2")
    assert circular["input"] == circular["output"]
    assert len(circular["sources"][0]["route"]) == 2


def test_all_twelve_pairs_quote_both_ways(client_platform: RunningPlatform, registry: TokenRegistry):
    rows = {row["pair"]: row for row in ask(client_platform, "watch")["pairs"]}
    assert len(rows) == 15
    assert {name.partition("/")[2] for name, row in rows.items() if row["forwardPrice"] is None} == UNQUOTED
    assert all(row["reversePrice"] for row in rows.values() if row["forwardPrice"])
    assert len(quoted_pairs(registry)) == 24


@pytest.mark.parametrize("symbol", sorted(UNQUOTED))
def test_a_pair_without_a_pool_is_refused_by_name(client_platform: RunningPlatform, symbol: str):
    error = ask(client_platform, f"quote SOL {symbol} 1", code=1)
    assert error["errorCode"] == "FAILED_PRECONDITION"
    assert f"SOL/{symbol}" in error["error"]


def test_synthetic_pools_are_marked_and_shown_beside_recorded_ones(client_platform: RunningPlatform):
    synthetic = ask(client_platform, "pools SOL JitoSOL")["pools"]
    assert {pool["provenance"] for pool in synthetic} == {"synthetic"}
    recorded = ask(client_platform, "pools SOL USDC")["pools"]
    assert {pool["provenance"] for pool in recorded} == {"recorded"}
    assert len({pool["protocol"] for pool in recorded}) > 1
    assert "synthetic" in say(client_platform, "pools")
    assert ask(client_platform, "pools SOL sSOL", code=1) == {"pools": []}


def test_tokens_have_prices(client_platform: RunningPlatform):
    tokens = {token["symbol"]: token for token in ask(client_platform, "tokens")["tokens"]}
    assert tokens["SOL"]["usd"] > 1
    assert tokens["SOL"]["priceProvenance"] == "patched"
    assert tokens["sSOL"]["usd"] is None


def test_oracles_tell_whose_price_is_used_and_why_not_another(client_platform: RunningPlatform):
    told = {one["symbol"]: one for one in ask(client_platform, "oracles")["oracles"]}
    assert told["SOL"]["source"] == told["SOL"]["sources"][0]["source"]
    assert {source["source"] for source in told["SOL"]["sources"]} == {"pyth", "switchboard"}
    assert {source["source"] for source in told["JupSOL"]["sources"]} == {"stake_pool", "switchboard"}
    for one in told.values():
        assert [source["standing"] for source in one["sources"]].count("chosen") == (one["usd"] is not None)
        assert all(bool(source["why"]) is (source["standing"] != "chosen") for source in one["sources"])
    assert told["sSOL"]["sources"] == []
    printed = say(client_platform, "oracles SOL")
    assert "switchboard" in printed
    assert "chosen" in printed


def test_watch_prints_once_into_a_pipe(client_platform: RunningPlatform):
    assert "SOL/USDC" in say(client_platform, "watch --amount 10")


def test_the_quote_files_hold_nothing_impossible(client_platform: RunningPlatform):
    assert ask(client_platform, "shm verify") == {"findings": []}
    deadline = time.monotonic() + TRADED_S
    while True:
        internal, external = ask(client_platform, "shm inspect")["files"]
        if internal["writer"] == external["writer"] == "live":
            break
        assert time.monotonic() < deadline, (internal, external)  # a busy machine's heartbeat is late now and then
    assert internal["valid"] > external["valid"] > 0


def test_doctor_finds_nothing_wrong(client_platform: RunningPlatform):
    checks = ask(client_platform, "doctor")["checks"]
    assert {"NATS sync_interval", "aggregator (gRPC)", "RPC WebSocket", "kill-switch token", "disk"} <= {
        check["subject"] for check in checks
    }
    not_well = [check for check in checks if check["verdict"] != "ok"]
    # Whether the disk is large enough is the machine's; test_disk_checks.py holds both verdicts to what they must be.
    assert [check for check in not_well if (check["subject"], check["verdict"]) != ("disk", "warning")] == []
    summary = say(client_platform, "doctor").splitlines()[-1]
    assert summary in {f"{len(checks)} checks, {told}" for told in ("all passed", "1 to look at")}


def test_doctor_names_a_setting_nobody_knows(client_platform: RunningPlatform):
    ended = solquote("doctor", data_dir=client_platform.data_dir, environ={"SOLQUOTE_RPC_ULR": "x"})
    assert ended.returncode == 1
    assert "SOLQUOTE_RPC_ULR: no such setting; did you mean SOLQUOTE_RPC_URL?" in ended.stdout


def trades(platform: RunningPlatform) -> int:
    count: int = ask(platform, "pnl --last 0")["summary"]["filledCount"]
    return count


def until_trades_exceed(platform: RunningPlatform, count: int) -> None:
    deadline = time.monotonic() + TRADED_S
    while trades(platform) <= count:
        assert time.monotonic() < deadline, "nothing was traded"


def test_an_opportunity_becomes_a_fill_and_a_line_of_pnl(client_platform: RunningPlatform):
    until_trades_exceed(client_platform, 0)
    (newest,) = ask(client_platform, "pnl --last 1")["results"]
    assert newest["mode"] == "PAPER"
    assert newest["planId"]
    lines = say(client_platform, "pnl --csv").splitlines()
    assert lines[0].startswith("finished,pair,outcome")
    assert len(lines) > 1
    assert "filled" in say(client_platform, "pnl")


def test_the_history_comes_to_the_account_that_pnl_has_from_the_stream(client_platform: RunningPlatform):
    until_trades_exceed(client_platform, 0)
    deadline = time.monotonic() + TRADED_S
    while True:
        account = ask(client_platform, "pnl --last 0")
        of_history = ask(client_platform, f"history pnl --run {account['runId']}")["accounts"]
        figures = {"key": account["runId"], **account["summary"]}
        del figures["dayProfitLamports"]  # which is as of now
        if of_history == [figures]:
            break
        assert time.monotonic() < deadline, (of_history, figures)
    plan_ids = {one["planId"] for one in ask(client_platform, "pnl --last 5")["results"]}
    lines = say(client_platform, "history trades --json").splitlines()
    assert plan_ids <= {json.loads(line)["planId"] for line in lines}
    assert say(client_platform, "history events --type ExecutionResult -n 1 --json")


def test_kill_stops_trading_across_restarts_until_release(client_platform: RunningPlatform):
    until_trades_exceed(client_platform, 0)
    switch = ask(client_platform, "kill --reason drill")
    try:
        assert (switch["state"], switch["reason"]) == ("HALTED", "drill")
        stopped_at = trades(client_platform)
        for name in ("system_manager", "executor", "planner", "scanner"):
            pid = client_platform.pids()[name]
            client_platform.kill(name)
            client_platform.until_back(name, old_pid=pid, seconds=10)
        wait_for_slots(client_platform, OBSERVED_SLOTS)
        assert trades(client_platform) == stopped_at
        assert ask(client_platform, "kill")["state"] == "HALTED"
    finally:  # the platform is others', too
        released = say(client_platform, "release --reason over")
    assert "trading is ACTIVE" in released
    until_trades_exceed(client_platform, stopped_at)


def wait_for_slots(platform: RunningPlatform, count: int) -> None:
    """Let the market go on for so many slots: time enough for a trade, were it allowed."""
    first = slot(platform)
    deadline = time.monotonic() + TRADED_S
    while slot(platform) < first + count:
        assert time.monotonic() < deadline, "the market stands still"


def slot(platform: RunningPlatform) -> int:
    newest: int = max(pool["slot"] for pool in ask(platform, "pools --timeout 60")["pools"])
    return newest
