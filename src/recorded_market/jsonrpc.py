"""The JSON-RPC 2.0 envelope: bytes of a request or a batch in, bytes of the answer out; knows no method itself."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from recorded_market.rpc_errors import RpcError, invalid_params, invalid_request, parse_error

__all__ = ["Call", "answer_request"]

BATCH_COUNT_MAX = 100

Call = Callable[[str, Sequence[Any]], Any]
"""Method name and positional params in, result out; raises `RpcError`."""


def answer_request(body: bytes | str, call: Call) -> bytes | None:
    """Answer one request or a batch; None when it holds nothing but notifications (requests without an id)."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError:
        return orjson.dumps(_error(None, parse_error()))
    if not isinstance(request, list):
        response = _answer_one(request, call)
        return None if response is None else orjson.dumps(response)
    if not request:
        return orjson.dumps(_error(None, invalid_request()))
    if len(request) > BATCH_COUNT_MAX:
        return orjson.dumps(_error(None, invalid_request(f"Too many requests in a batch; max {BATCH_COUNT_MAX}")))
    responses = [response for entry in request if (response := _answer_one(entry, call)) is not None]
    return orjson.dumps(responses) if responses else None


def _answer_one(request: Any, call: Call) -> dict[str, Any] | None:
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
        return _error(None, invalid_request())
    request_id = request.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, int | float | str | None):
        return _error(None, invalid_request())
    try:
        result = call(request["method"], _positional(request.get("params")))
    except RpcError as error:
        response = _error(request_id, error)
    else:
        response = {"jsonrpc": "2.0", "result": result, "id": request_id}
    return response if "id" in request else None


def _positional(params: Any) -> Sequence[Any]:
    if params is None:
        return ()
    if isinstance(params, list):
        return params
    raise invalid_params("Invalid params: params must be an array.")


def _error(request_id: Any, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "error": error.body(), "id": request_id}
