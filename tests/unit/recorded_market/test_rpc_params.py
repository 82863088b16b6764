from typing import Any

import pytest

from recorded_market.ledger import Commitment
from recorded_market.rpc_errors import RpcError
from recorded_market.rpc_params import Encoding, read_account_config, read_filters, read_object, read_pubkey

KEY = "So11111111111111111111111111111111111111112"


def test_defaults_are_those_of_a_node() -> None:
    config = read_account_config({})
    assert (config.encoding, config.commitment) == (Encoding.BINARY, Commitment.FINALIZED)
    assert (config.min_context_slot, config.with_context) == (0, False)
    assert config.slice(b"all of it") == b"all of it"


def test_null_means_default_and_unknown_names_are_ignored() -> None:
    assert read_account_config({"encoding": None, "commitment": None, "colour": 1}) == read_account_config({})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ([], "at least 1 argument"),
        ([5], "expected a string"),
        ([None], "invalid type: null"),
        (["abc"], "WrongSize"),
        ([KEY + "1"], "WrongSize"),
        (["0OIl"], "Invalid param: Invalid"),
        ([""], "WrongSize"),
    ],
)
def test_a_wrong_address_is_refused_as_invalid_params(params: list[Any], message: str) -> None:
    with pytest.raises(RpcError, match=message) as refusal:
        read_pubkey(params)
    assert refusal.value.code == -32602


@pytest.mark.parametrize(
    "config",
    [
        {"encoding": "base32"},
        {"encoding": 5},
        {"encoding": []},
        {"commitment": "max"},
        {"minContextSlot": -1},
        {"minContextSlot": "1"},
        {"minContextSlot": True},
        {"minContextSlot": 2**64},
        {"dataSlice": 5},
        {"dataSlice": {"offset": 1}},
        {"dataSlice": {"offset": -1, "length": 1}},
        {"withContext": 1},
    ],
)
def test_a_wrong_config_is_refused_as_invalid_params(config: dict[str, Any]) -> None:
    with pytest.raises(RpcError) as refusal:
        read_account_config(config)
    assert refusal.value.code == -32602


def test_a_config_that_is_no_object_is_refused() -> None:
    with pytest.raises(RpcError, match="expected a config object"):
        read_object([KEY, "base64"], 1)


def test_an_account_must_pass_every_filter() -> None:
    filters = read_filters(
        {
            "filters": [
                {"dataSize": 4},
                {"memcmp": {"offset": 1, "bytes": "2g"}},
                {"memcmp": {"offset": 2, "bytes": "YmM=", "encoding": "base64"}},
            ]
        }
    )
    assert filters.match(b"xabc")
    assert not filters.match(b"xabd")
    assert not filters.match(b"xabcx")
    assert not filters.match(b"xbbc")


@pytest.mark.parametrize(
    "wanted", [{"bytes": "bGQ=", "encoding": "base64"}, {"bytes": [108, 100]}, {"bytes": "9FR", "encoding": "base58"}]
)
def test_bytes_are_given_in_each_way_of_a_node(wanted: dict[str, Any]) -> None:
    filters = read_filters({"filters": [{"memcmp": {"offset": 1, **wanted}}]})
    assert filters.match(b"old")
    assert not filters.match(b"ldo")


def test_a_token_account_is_told_by_its_size_state_and_type() -> None:
    filters = read_filters({"filters": ["tokenAccountState"]})
    plain = bytes(108) + b"\x01" + bytes(56)
    assert filters.match(plain)
    assert filters.match(plain + b"\x02extensions")
    assert not filters.match(plain + b"\x01a mint's")
    assert not filters.match(bytes(165))
    assert not filters.match(plain[:-1])


def test_a_memcmp_behind_the_end_does_not_match() -> None:
    assert not read_filters({"filters": [{"memcmp": {"offset": 3, "bytes": "2g"}}]}).match(b"abc")


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ([{"dataSize": 1}] * 5, "max 4"),
        ({}, None),
        ("x", "expected a sequence"),
        ([{}], "dataSize, memcmp or tokenAccountState"),
        ([5], "dataSize, memcmp or tokenAccountState"),
        ([{"dataSize": -1}], "expected u64"),
        ([{"memcmp": {"bytes": "2g"}}], "expected u64"),
        ([{"memcmp": {"offset": 0}}], "bytes must be text"),
        ([{"memcmp": {"offset": 0, "bytes": "0"}}], "not base58"),
        ([{"memcmp": {"offset": 0, "bytes": "*", "encoding": "base64"}}], "not base64"),
        ([{"memcmp": {"offset": 0, "bytes": "2g", "encoding": "hex"}}], "unknown variant"),
        ([{"memcmp": {"offset": 0, "bytes": "1" * 129}}], "longer than 128"),
    ],
)
def test_wrong_filters_are_refused_as_invalid_params(filters: Any, message: str | None) -> None:
    if message is None:
        assert read_filters({"filters": filters}).match(b"anything")
        return
    with pytest.raises(RpcError, match=message) as refusal:
        read_filters({"filters": filters})
    assert refusal.value.code == -32602
