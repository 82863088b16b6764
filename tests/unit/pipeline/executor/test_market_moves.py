"""What a fill on paper asks the recorded market for, and how long it goes on asking."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from fakes.plans import SOL, plan_id
from fakes.results import result, round_trip

from pipeline.executor import market_moves
from pipeline.executor.market_moves import MarketMoves, swaps_of
from quote_core.errors import DeadlinePassed, RpcFailed, RpcUnavailable, UpstreamError
from quote_core.events import ExecutionMode, ExecutionResult, Outcome, encode

FILL = replace(round_trip(1_000, 77, 1_100, number=3), run_id="run")


class Node:
    """Refuses as it is told, then answers."""

    def __init__(self, *refusals: UpstreamError) -> None:
        self.refusals = list(refusals)
        self.asked: list[Any] = []

    async def call(self, method: str, params: Sequence[object]) -> str:
        assert method == "requestSwap"
        self.asked += params
        if self.refusals:
            raise self.refusals.pop(0)
        return "next"


async def told(node: Node, *results: ExecutionResult) -> None:
    moves = MarketMoves(node.call, run_id="run")
    for one in results:
        for swap in moves._swaps(encode(one)):
            await moves._ask(swap)


def test_each_hop_is_asked_for_by_its_plan_and_place_with_what_went_into_it() -> None:
    first, second = swaps_of(FILL)
    assert first == {
        "id": f"{FILL.plan_id.hex()}.0",
        "slot": FILL.header.slot,
        "pool": FILL.hops[0].pool_id,
        "inputMint": SOL,
        "amount": "1000",
    }
    assert (second["id"], second["amount"]) == (f"{FILL.plan_id.hex()}.1", "77")


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.FILLED])
def test_what_was_not_filled_moves_nothing(outcome: Outcome) -> None:
    assert list(swaps_of(replace(FILL, outcome=outcome))) == []


def test_a_live_fill_has_moved_its_market_itself() -> None:
    assert list(swaps_of(replace(FILL, mode=ExecutionMode.LIVE))) == []


async def test_fills_of_other_runs_and_what_is_no_result_are_left_out() -> None:
    node = Node()
    await told(node, replace(FILL, run_id="another"), result(5), FILL)
    assert [swap["id"] for swap in node.asked] == [f"{FILL.plan_id.hex()}.{place}" for place in range(2)]
    assert list(MarketMoves(node.call, run_id="run")._swaps(b"garbage")) == []
    assert FILL.plan_id == plan_id(3)


@pytest.mark.parametrize(
    "fault",
    [
        RpcUnavailable("requestSwap", "Too many requests wait", rpc_code=-32005),
        RpcFailed("requestSwap", "HTTP 502"),
        DeadlinePassed("node", 5_000),
    ],
)
async def test_a_node_that_cannot_answer_now_is_asked_again_for_the_same(
    fault: UpstreamError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_moves, "RETRY_S", 0.0)
    node = Node(fault, fault)
    await told(node, FILL)
    assert [swap["id"][-2:] for swap in node.asked] == [".0", ".0", ".0", ".1"]


async def test_a_node_that_has_no_such_method_is_not_asked_again_for_that_hop() -> None:
    node = Node(RpcFailed("requestSwap", "Method not found", rpc_code=-32601))
    await told(node, FILL)
    assert [swap["id"][-2:] for swap in node.asked] == [".0", ".1"]
