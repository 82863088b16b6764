import base64
from typing import Any

import pytest
import zstandard

from quote_core.dex.pool import Account
from quote_core.units import U64_MAX, Pubkey
from recorded_market.account_json import account_json
from recorded_market.rpc_errors import RpcError
from recorded_market.rpc_params import read_account_config

OWNER = Pubkey("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
DATA = bytes(range(200))


def write(**config: Any) -> dict[str, Any]:
    return account_json(Account(OWNER, DATA, 7), read_account_config(config))


def test_base64_carries_data_and_every_field_of_the_protocol() -> None:
    assert write(encoding="base64") == {
        "lamports": 7,
        "data": [base64.b64encode(DATA).decode(), "base64"],
        "owner": OWNER,
        "executable": False,
        "rentEpoch": U64_MAX,
        "space": 200,
    }


def test_base64_zstd_decompresses_to_the_data() -> None:
    text, encoding = write(encoding="base64+zstd")["data"]
    assert encoding == "base64+zstd"
    assert zstandard.ZstdDecompressor().decompressobj().decompress(base64.b64decode(text)) == DATA


def test_base58_and_the_old_default_differ_only_in_shape() -> None:
    config = {"dataSlice": {"offset": 0, "length": 3}}
    assert write(encoding="base58", **config)["data"] == ["15T", "base58"]
    assert write(**config)["data"] == "15T"


@pytest.mark.parametrize("config", [{"encoding": "base58"}, {}])
def test_base58_of_more_than_128_bytes_is_refused_as_a_node_refuses_it(config: dict[str, Any]) -> None:
    with pytest.raises(RpcError, match="should be less than 128 bytes, please use Base64") as refusal:
        write(**config)
    assert refusal.value.code == -32600


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [(0, 4, DATA[:4]), (196, 100, DATA[196:]), (200, 1, b""), (10_000, 1, b""), (3, 0, b"")],
)
def test_a_slice_gives_the_part_that_exists_and_space_stays_whole(offset: int, length: int, expected: bytes) -> None:
    written = write(encoding="base64", dataSlice={"offset": offset, "length": length})
    assert base64.b64decode(written["data"][0]) == expected
    assert written["space"] == 200
