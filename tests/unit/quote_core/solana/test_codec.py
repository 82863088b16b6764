"""Answers of a node, well-formed and otherwise."""

import base64

import pytest
import zstandard

from quote_core.dex.pool import Account
from quote_core.errors import RpcFailed
from quote_core.solana.codec import ACCOUNT_SIZE_BYTES_MAX, decode_account, decode_answer, with_context


def account_value(data: bytes, encoding: str) -> dict[str, object]:
    return {
        "lamports": 7,
        "owner": "owner",
        "data": [base64.b64encode(data).decode(), encoding],
        "rentEpoch": 2**64 - 1,
    }


def test_an_answer_gives_its_result() -> None:
    assert decode_answer("getSlot", 3, b'{"jsonrpc":"2.0","id":3,"result":42}') == 42


def test_an_error_answer_keeps_its_code() -> None:
    with pytest.raises(RpcFailed) as caught:
        decode_answer("getSlot", 3, b'{"jsonrpc":"2.0","id":3,"error":{"code":-32005,"message":"behind"}}')
    assert caught.value.rpc_code == -32005
    assert "behind" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"42",
        b"null",
        b'{"id":4,"result":1}',
        b'{"id":3}',
        b'{"error":"plain"}',
        b'{"error":{"code":"x"}}',
        b"\xff\xfe",
    ],
)
def test_rubbish_is_an_error_and_no_crash(body: bytes) -> None:
    with pytest.raises(RpcFailed):
        decode_answer("getSlot", 3, body)


def test_a_long_answer_is_shown_only_in_part() -> None:
    with pytest.raises(RpcFailed) as caught:
        decode_answer("getSlot", 3, b"x" * 10_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("encoding", ["base64", "base64+zstd"])
def test_account_data_comes_back_in_both_encodings(encoding: str) -> None:
    data = bytes(range(256)) * 4
    packed = zstandard.compress(data) if encoding == "base64+zstd" else data
    assert decode_account("m", account_value(packed, encoding)) == Account("owner", data, 7)


def test_an_account_that_does_not_exist_is_none() -> None:
    assert decode_account("m", None) is None


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        "text",
        {"owner": "o", "lamports": 1, "data": "bare"},
        {"owner": "o", "lamports": 1, "data": ["!!!", "base64"]},
        {"owner": "o", "lamports": 1, "data": ["AAAA", "base58"]},
        {"owner": "o", "lamports": 1, "data": ["AAAA", "base64+zstd"]},
        {"owner": 5, "lamports": 1, "data": ["AAAA", "base64"]},
        {"owner": "o", "lamports": "1", "data": ["AAAA", "base64"]},
        {"owner": "o", "lamports": 1, "data": ["AAAA", "base64", "more"]},
    ],
)
def test_what_is_no_account_is_refused(value: object) -> None:
    with pytest.raises(RpcFailed):
        decode_account("m", value)


def test_a_compressed_account_that_claims_more_than_an_account_can_hold_is_not_unpacked() -> None:
    bomb = zstandard.compress(bytes(ACCOUNT_SIZE_BYTES_MAX + 1))
    with pytest.raises(RpcFailed, match="claims"):
        decode_account("m", account_value(bomb, "base64+zstd"))


@pytest.mark.parametrize("context", [None, {}, {"slot": "5"}, {"slot": -1}, {"slot": True}, 5])
def test_an_answer_without_a_slot_is_refused(context: object) -> None:
    with pytest.raises(RpcFailed):
        with_context("m", {"context": context, "value": 1})
