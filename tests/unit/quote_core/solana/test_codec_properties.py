"""Whatever a node sends, the codec answers or refuses."""

import contextlib

import orjson
from hypothesis import given
from hypothesis import strategies as st

from quote_core.errors import RpcFailed
from quote_core.solana.codec import decode_account, decode_answer, with_context

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "result", "error", "code", "message", "context", "slot", "value", "data", "owner", "lamports"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=60) | JSON.map(orjson.dumps))
def test_any_body_is_answered_or_refused(body: bytes) -> None:
    with contextlib.suppress(RpcFailed):
        decode_answer("m", 1, body)


@given(JSON)
def test_any_value_is_an_account_or_refused(value: object) -> None:
    with contextlib.suppress(RpcFailed):
        decode_account("m", value)


@given(JSON)
def test_any_result_has_a_slot_or_is_refused(value: object) -> None:
    with contextlib.suppress(RpcFailed):
        slot, _ = with_context("m", value)
        assert slot >= 0
