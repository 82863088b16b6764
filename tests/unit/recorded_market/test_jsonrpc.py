from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from recorded_market.jsonrpc import BATCH_COUNT_MAX, answer_request
from recorded_market.rpc_errors import RpcError, method_not_found


def call(method: str, params: Sequence[Any]) -> Any:
    if method == "echo":
        return list(params)
    if method == "slot":
        raise RpcError(-32016, "Minimum context slot has not been reached", {"contextSlot": 5})
    raise method_not_found()


def ask(body: Any) -> Any:
    answer = answer_request(body if isinstance(body, bytes) else orjson.dumps(body), call)
    return None if answer is None else orjson.loads(answer)


def request(method: str = "echo", **fields: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method} | fields


@pytest.mark.parametrize("request_id", [0, 1, "abc", 1.5, None])
def test_the_answer_carries_the_id_of_the_request(request_id: Any) -> None:
    assert ask(request(id=request_id, params=[1])) == {"jsonrpc": "2.0", "result": [1], "id": request_id}


@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": []}])
def test_params_may_be_left_out(params: dict[str, Any]) -> None:
    assert ask(request(**params))["result"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b"\xff", -32700),
        (5, -32600),
        ([], -32600),
        ({}, -32600),
        ({"jsonrpc": "1.0", "id": 1, "method": "echo"}, -32600),
        ({"jsonrpc": "2.0", "id": 1}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": 5}, -32600),
        ({"jsonrpc": "2.0", "id": {}, "method": "echo"}, -32600),
        ({"jsonrpc": "2.0", "id": True, "method": "echo"}, -32600),
    ],
)
def test_what_is_no_request_gets_its_code_and_no_id(body: Any, code: int) -> None:
    answer = ask(body)
    assert answer["error"]["code"] == code
    assert answer["id"] is None


def test_an_unknown_method_and_named_params_get_their_codes() -> None:
    assert ask(request("getMoon"))["error"] == {"code": -32601, "message": "Method not found"}
    assert ask(request(params={"a": 1}))["error"]["code"] == -32602


def test_an_error_carries_its_data() -> None:
    assert ask(request("slot"))["error"]["data"] == {"contextSlot": 5}


def test_a_batch_is_answered_in_order_each_for_itself() -> None:
    answers = ask([request(id=1, params=[1]), 5, request("getMoon", id=2), request(id=3, params=[3])])
    assert [answer["id"] for answer in answers] == [1, None, 2, 3]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None, -32600, -32601, None]


def test_notifications_are_not_answered() -> None:
    notification = {"jsonrpc": "2.0", "method": "echo"}
    assert ask(notification) is None
    assert ask([notification, notification]) is None
    assert len(ask([notification, request()])) == 1


def test_a_batch_over_the_bound_is_refused_as_a_whole() -> None:
    assert len(ask([request()] * BATCH_COUNT_MAX)) == BATCH_COUNT_MAX
    assert ask([request()] * (BATCH_COUNT_MAX + 1))["error"]["code"] == -32600
