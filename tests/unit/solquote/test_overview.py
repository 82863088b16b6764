"""What `solquote top` draws, from topics as the page sends them."""

import copy
import io
import re
from typing import Any

import pytest
from rich.console import Console

from quote_core.units import NS_PER_S
from solquote.overview import is_whole, overview
from solquote.page_stream import PageView, Topic

NOW_MONO_NS = 1_000 * NS_PER_S
NOW_UNIX_NS = 1_767_323_045 * NS_PER_S  # 03:04:05 UTC
NOW_UNIX_MS = NOW_UNIX_NS // 1_000_000


def leg(price: float, **other: object) -> dict[str, Any]:
    route = [{"protocol": "Whirlpool", "poolId": "Czfq3xZZDmsdGdUyrNLtRhGc47cXcZtLG4crryfu44zE"}]
    usual = {"confidence": 0.99, "decision": "execute", "caps": [], "ageMs": 400, "isStale": False, "route": route}
    return {"price": price, "source": "local", "impactFraction": 0.0, "slot": 1, **usual, **other}


def pair(name: str, bid: Any, ask: Any, spread_bps: float | None) -> dict[str, Any]:
    return {"pair": name, "amount": 1.0, "bid": bid, "ask": ask, "spreadBps": spread_bps, "oraclePrice": 80.0}


def process(name: str, state: str = "healthy", **other: object) -> dict[str, Any]:
    usual = {"pid": 7, "restartCount": 0, "uptimeS": 60, "address": "127.0.0.1:1", "status": f"{name} works"}
    return {"process": name, "state": state, **usual, **other}


ACCOUNT = {
    "runId": "recorded-1",
    "profitLamports": -1_250_000_000,
    "dayProfitLamports": 10,
    "filledCount": 3,
    "winCount": 2,
    "missedCount": 4,
    "failedCount": 5,
    "refusedCount": 6,
    "maxDrawdownFraction": 0.0123,
}
PLAN = {
    "planId": "ab",
    "unixMs": NOW_UNIX_MS,
    "pair": "SOL-mSOL",
    "amountLamports": 126_000_000_000,
    "profitLamports": 862_599_601,
    "confidence": 0.9616,
    "risk": 0.47,
    "outcome": "missed",
}
FOUND = {
    "id": "cd",
    "unixMs": NOW_UNIX_MS,
    "pair": "SOL-mSOL",
    "amount": 126.0,
    "token": "SOL",
    "confidence": 0.9616,
    "kind": "two hops",
    "profitLamports": 874_768_296,
    "grossBps": 74,
}
POOL = {
    "pair": "SOL/USDC",
    "protocol": "Raydium CLMM",
    "poolId": "3ucNos4NbumPLZNWztqGHNFFgkHeRMBQAVemeeomsUxv",
    "price": 81.5,
    "feeFraction": 0.0004,
    "ageMs": 1_500,
    "isStale": False,
    "refusal": "",
    "provenance": "recorded",
}
CONTENTS: dict[str, Any] = {
    "hello": {"version": "0.1.0", "sizes": [0.1, 1.0], "size": 1},
    "pulse": {"unixMs": NOW_UNIX_MS, "viewerCount": 1},
    "switch": {"state": "ACTIVE", "reason": "released", "actor": "alice", "trigger": "manual", "changedUnixMs": 1_000},
    "bus": {"isConnected": True, "reason": ""},
    "processes": {
        "isSupervised": True,
        "isOld": False,
        "pid": 1,
        "processes": [process(f"process_{number:02}") for number in range(12)],
    },
    "quotes": {
        "size": 1,
        "pairs": [
            pair("SOL/USDC", leg(81.5), leg(81.6), 12.0),
            pair("SOL/hyloSOL", {"refusal": "no pool"}, None, None),
            pair("SOL/JitoSOL", leg(0.77), leg(0.76, confidence=0.61, decision="cautious", ageMs=900), -13.0),
        ],
    },
    "pools": {"pools": [POOL, {**POOL, "ageMs": 61_000, "isStale": True}], "error": ""},
    "opportunities": {"total": 1_388, "items": [FOUND] * 60},
    "plans": {
        "plans": [PLAN] * 60,
        "trades": [],
        "rejected": [{"reason": "price_impact", "count": 9}],
        "notFilled": [{"reason": "rival", "count": 12}],
        "endingCount": 3,
    },
    "profit": {"account": ACCOUNT, "curve": [[NOW_UNIX_MS - 1_000, 5]]},
}


def view(*, silent_s: int = 0, trouble: str = "", **changed: Any) -> PageView:
    taken_mono_ns = NOW_MONO_NS - silent_s * NS_PER_S
    contents = {**copy.deepcopy(CONTENTS), **changed}
    topics = {name: Topic(content, taken_mono_ns) for name, content in contents.items()}
    return PageView(topics=topics, trouble=trouble, heard_mono_ns=taken_mono_ns)


def drawn(shown: PageView, *, width: int = 80, height: int | None = None) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(overview(shown, now_mono_ns=NOW_MONO_NS, now_unix_ns=NOW_UNIX_NS, width=width, height=height))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def row(lines: list[str], begin: str) -> str:
    (found,) = (line for line in lines if line.startswith(begin))
    return found


def test_at_80_columns_everything_has_its_line_and_none_runs_over():
    lines = drawn(view())
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("trading is ACTIVE since 1970-01-01 00:00:01 UTC, by alice: released")
    assert lines[1] == "live | 12 of 12 processes healthy | bus up | 2 of 3 pairs fresh | 03:04:05 UTC"
    assert lines[2].startswith("P&L -1.250000 SOL | today +0.000000 | 3 filled | 4 missed | 5 failed | 6 refus")
    assert "quotes of 1 SOL, best spread first; 2 pools, 1 stale, oldest 61.0 s" in lines
    assert re.search(r"process_00 +healthy +7 +1:00 +process_00 works", "\n".join(lines))
    assert "opportunities, 1,388 on the stream  (52 more)" in lines
    assert re.search(r"03:04:05 +SOL/mSOL +two hops +126 SOL +\+74 +\+0.8748 +0.962", "\n".join(lines))
    assert re.search(r"03:04:05 +SOL/mSOL +126 +\+0.8626 +0.962 +0.47 +missed", "\n".join(lines))
    assert [line.split()[0] for line in lines if line.endswith(("planner", "executor"))] == ["12", "9"]


def test_the_best_spread_is_first_with_the_weaker_confidence_and_the_older_age():
    lines = drawn(view(), height=60)
    names = [line.split()[0] for line in lines if line.startswith("SOL/")]
    assert names == ["SOL/JitoSOL", "SOL/USDC", "SOL/hyloSOL"]
    assert re.search(r"-13\.0 +\S+ +0\.610 +cautious +900 ms", row(lines, "SOL/JitoSOL"))
    assert "no quote" in row(lines, "SOL/hyloSOL")


def test_ages_go_on_while_nothing_comes():
    lines = drawn(view(silent_s=3, trouble="the aggregator's page at http://127.0.0.1:1/ has gone"))
    assert "3.9 s" in row(lines, "SOL/JitoSOL")
    assert any("oldest 64.0 s" in line for line in lines)


def test_a_lost_line_comes_first_and_the_switch_is_not_known_then():
    lines = drawn(view(silent_s=3, trouble="the aggregator's page at http://127.0.0.1:1/ has gone"))
    said = " ".join(lines)
    assert lines[0].startswith("!! LOST: the aggregator's page at http://127.0.0.1:1/ has gone; shown is")
    assert "shown is 03:04:02 UTC, 3.0 s ago; trying on" in said
    assert "the kill switch is not known: its last state was ACTIVE" in said.replace("The kill", "the kill")
    assert any(line.startswith("lost | ") for line in lines)


def test_a_stop_comes_first():
    halted = {"state": "HALTED", "reason": "drill\x1b[2J", "actor": "bob", "trigger": "manual", "changedUnixMs": 0}
    lines = drawn(view(switch=halted))
    assert lines[0] == "!! Trading is HALTED since 1970-01-01 00:00:00 UTC, by bob: drill[2J"


def test_a_low_terminal_keeps_what_matters_and_only_the_processes_that_are_not_well():
    ailing = copy.deepcopy(CONTENTS["processes"])
    ailing["processes"][4] = process("process_04", "restarting", pid=None, uptimeS=None)
    lines = drawn(view(processes=ailing), height=24)
    assert len(lines) <= 24
    assert [line.split()[0] for line in lines if line.startswith("process_")] == ["process_04"]
    assert "11 of 12 processes healthy" in lines[1]
    assert any(line.startswith("plans") for line in lines)
    assert any(line.startswith("SOL/JitoSOL") for line in lines)


@pytest.mark.parametrize("height", range(8, 60, 3))
@pytest.mark.parametrize("width", [80, 100, 180])
def test_no_frame_is_higher_or_wider_than_the_terminal(width: int, height: int):
    lines = drawn(view(), width=width, height=height)
    assert max(map(len, lines)) <= width
    if height >= 12:
        assert len(lines) <= height


def test_a_wide_terminal_has_the_tables_beside_each_other_and_the_pools():
    lines = drawn(view(), width=180, height=40)
    assert any("best spread first" in line and "process" in line for line in lines)
    pools = [line for line in lines if "3ucN..sUxv" in line]
    assert re.search(r"61\.0 s +recorded", pools[0])
    assert re.search(r"1\.5 s +recorded", pools[1])


def test_a_bus_that_is_away_is_said_where_money_would_be():
    lines = drawn(view(bus={"isConnected": False, "reason": "NATS cannot be reached"}))
    assert lines[2] == "P&L NATS cannot be reached"
    assert "bus away" in lines[1]


def test_before_anything_has_come_there_is_a_frame():
    lines = drawn(PageView())
    assert "the kill switch is not known: not told yet" in lines[0].replace("The", "the")
    assert "live | nothing has come yet" in lines


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"bus": {"isConnected": False, "reason": "not there"}}, False),
        ({"profit": {"account": None, "curve": []}}, False),
        ({"profit": {"account": ACCOUNT, "curve": [[NOW_UNIX_MS - 3_000_000, 5]]}}, False),
    ],
)
def test_a_frame_is_whole_when_the_bus_is_there_and_the_account_is_of_now(changed: dict[str, Any], expected: bool):
    assert is_whole(view(**changed)) is expected


def test_a_frame_is_not_whole_before_each_topic_has_come():
    whole = view()
    for name in ("switch", "quotes", "pools", "processes", "pulse"):
        topics = {other: topic for other, topic in whole.topics.items() if other != name}
        assert not is_whole(PageView(topics=topics)), name
