"""Whatever a client sends, the node answers in JSON-RPC; only `RpcError` ever leaves a method."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.dex.pool import Account
from quote_core.units import Pubkey
from recorded_market.jsonrpc import answer_request
from recorded_market.ledger import AccountLedger, Block
from recorded_market.rpc_methods import RpcMethods
from recorded_market.subscriptions import SubscriptionHub

KEY = "So11111111111111111111111111111111111111112"
PROGRAM = "675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8"
METHODS = [
    "getAccountInfo", "getBalance", "getBlockHeight", "getEpochInfo", "getHealth", "getLatestBlockhash",
    "getMultipleAccounts", "getProgramAccounts", "getProvenance", "getSlot", "getTokenAccountBalance", "getVersion",
]  # fmt: skip
SUBSCRIPTION_METHODS = [
    f"{kind}{verb}" for kind in ("account", "program", "slot") for verb in ("Subscribe", "Unsubscribe")
]

leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), st.text(max_size=50),
    st.sampled_from([KEY, PROGRAM, "base64", "base64+zstd", "base58", "processed", "finalized"]),
)  # fmt: skip
names = st.sampled_from(
    [
        "encoding",
        "commitment",
        "dataSlice",
        "offset",
        "length",
        "minContextSlot",
        "filters",
        "memcmp",
        "dataSize",
        "bytes",
    ]
)
anything = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=4)),
    max_leaves=12,
)


class Deaf:
    """A listener that hears nothing."""

    def offer(self, message: bytes) -> None:
        raise AssertionError(message)


@pytest.fixture(scope="module")
def methods() -> RpcMethods:
    account = Account(Pubkey(PROGRAM), bytes(300), 5)
    return RpcMethods(AccountLedger(Block(10, {Pubkey(KEY): account})), {}, version="1")


def answer_is_json_rpc(answer: bytes | None) -> bool:
    if answer is None:
        return True
    parsed = orjson.loads(answer)
    responses = parsed if isinstance(parsed, list) else [parsed]
    return all(
        response["jsonrpc"] == "2.0" and ("result" in response) != ("error" in response) for response in responses
    )


def no_method(_method: str, _params: Sequence[Any]) -> Any:
    raise AssertionError("nothing here is a request")


@settings(deadline=None)
@given(st.sampled_from(METHODS), st.lists(anything, max_size=4))
def test_any_params_get_a_result_or_an_error(methods: RpcMethods, method: str, params: list[Any]) -> None:
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert answer_is_json_rpc(answer_request(body, methods.call))


@settings(deadline=None)
@given(st.sampled_from(SUBSCRIPTION_METHODS), st.lists(anything, max_size=4))
def test_any_subscription_gets_a_result_or_an_error(method: str, params: list[Any]) -> None:
    hub = SubscriptionHub(version="1")
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    assert answer_is_json_rpc(answer_request(body, lambda name, args: hub.call(Deaf(), name, args)))


@settings(deadline=None)
@given(anything)
def test_any_json_that_is_no_request_gets_an_error(value: Any) -> None:
    assert answer_is_json_rpc(answer_request(orjson.dumps(value), no_method))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_get_an_answer(body: bytes) -> None:
    assert answer_is_json_rpc(answer_request(body, no_method))
