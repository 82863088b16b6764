import base64
from typing import Any

import pytest

from quote_core.dex.pool import Account
from quote_core.quotes import Provenance
from quote_core.units import Pubkey
from recorded_market.base58 import base58_encode
from recorded_market.ledger import AccountLedger, Block
from recorded_market.recording import Recording
from recorded_market.rpc_errors import RpcError
from recorded_market.rpc_methods import RpcMethods

SYSTEM = Pubkey("11111111111111111111111111111111")
PROGRAM = Pubkey("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
KEY = Pubkey("So11111111111111111111111111111111111111112")
OTHER = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
ABSENT = Pubkey("Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB")
SLOT = 436_453_863
VAULT = Pubkey("DQyrAcCrDXQ7NeoqGgDCZwBvWDcYmFCjSb9JtteuvPpz")


@pytest.fixture
def ledger() -> AccountLedger:
    return AccountLedger(Block(SLOT, {KEY: Account(PROGRAM, b"\x00old", 5), OTHER: Account(PROGRAM, b"\x01other", 6)}))


@pytest.fixture
def methods(ledger: AccountLedger) -> RpcMethods:
    return RpcMethods(
        ledger, {KEY: Provenance.RECORDED, OTHER: Provenance.SYNTHETIC}, version="1.2.3", genesis_hash="G"
    )


def data_of(value: dict[str, Any]) -> bytes:
    return base64.b64decode(value["data"][0])


BASE64 = {"encoding": "base64"}


def test_an_account_comes_with_the_slot_it_was_read_at(methods: RpcMethods) -> None:
    result = methods.call("getAccountInfo", [KEY, BASE64])
    assert result["context"] == {"slot": SLOT, "apiVersion": "1.2.3"}
    assert data_of(result["value"]) == b"\x00old"


def test_an_absent_account_is_null_and_has_no_balance(methods: RpcMethods) -> None:
    assert methods.call("getAccountInfo", [ABSENT])["value"] is None
    assert methods.call("getBalance", [ABSENT])["value"] == 0
    assert methods.call("getBalance", [KEY])["value"] == 5


def test_many_accounts_come_in_the_order_asked_for(methods: RpcMethods) -> None:
    values = methods.call("getMultipleAccounts", [[OTHER, ABSENT, KEY], BASE64])["value"]
    assert values[1] is None
    assert [data_of(values[0]), data_of(values[2])] == [b"\x01other", b"\x00old"]


def test_without_an_encoding_each_method_has_agaves_own(methods: RpcMethods) -> None:
    # One account and scans are in the old form, text alone; several are base64. Source: anza-xyz/agave, rpc/src/rpc.rs.
    assert methods.call("getAccountInfo", [KEY])["value"]["data"] == base58_encode(b"\x00old")
    (first, _) = methods.call("getProgramAccounts", [PROGRAM])
    assert first["account"]["data"] == base58_encode(b"\x00old")
    for config in ([], [None], [{}], [{"commitment": "processed"}]):
        (value,) = methods.call("getMultipleAccounts", [[KEY], *config])["value"]
        assert value["data"] == [base64.b64encode(b"\x00old").decode(), "base64"]


def test_several_accounts_may_be_large_without_an_encoding(methods: RpcMethods, ledger: AccountLedger) -> None:
    ledger.advance({KEY: Account(PROGRAM, b"x" * 129)})
    asked = {"commitment": "processed"}
    (value,) = methods.call("getMultipleAccounts", [[KEY], asked])["value"]
    assert data_of(value) == b"x" * 129
    with pytest.raises(RpcError, match="please use Base64"):
        methods.call("getAccountInfo", [KEY, asked])


@pytest.mark.parametrize("method", ["getMultipleAccounts", "getProvenance"])
def test_a_hundred_addresses_are_read_and_no_more(methods: RpcMethods, method: str) -> None:
    result = methods.call(method, [[KEY] * 100])
    assert len(result if isinstance(result, list) else result["value"]) == 100
    with pytest.raises(RpcError, match="Too many inputs provided; max 100") as refusal:
        methods.call(method, [[KEY] * 101])
    assert refusal.value.code == -32602


def test_each_commitment_reads_its_own_slot(methods: RpcMethods, ledger: AccountLedger) -> None:
    ledger.advance({KEY: Account(PROGRAM, b"\x00new", 9)})
    seen = {}
    for commitment in ("processed", "confirmed", "finalized"):
        config = {"commitment": commitment}
        result = methods.call("getAccountInfo", [KEY, BASE64 | config])
        seen[commitment] = (result["context"]["slot"] - SLOT, data_of(result["value"]))
        assert methods.call("getSlot", [config]) == result["context"]["slot"]
    assert seen == {"processed": (1, b"\x00new"), "confirmed": (0, b"\x00old"), "finalized": (0, b"\x00old")}


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("getAccountInfo", [KEY]),
        ("getMultipleAccounts", [[KEY]]),
        ("getProgramAccounts", [PROGRAM]),
        ("getBalance", [KEY]),
        ("getSlot", []),
        ("getBlockHeight", []),
        ("getEpochInfo", []),
        ("getLatestBlockhash", []),
    ],
)
def test_a_slot_not_reached_yet_is_said_so_with_the_slot_that_is(
    methods: RpcMethods, method: str, params: list[Any]
) -> None:
    methods.call(method, [*params, {"minContextSlot": SLOT}])
    with pytest.raises(RpcError) as refusal:
        methods.call(method, [*params, {"minContextSlot": SLOT + 1}])
    assert refusal.value.code == -32016
    assert refusal.value.data == {"contextSlot": SLOT}


def test_a_program_scan_filters_slices_and_wraps_when_asked(methods: RpcMethods) -> None:
    wanted = {"filters": [{"memcmp": {"offset": 0, "bytes": "1"}}], "dataSlice": {"offset": 1, "length": 2}}
    found = methods.call("getProgramAccounts", [PROGRAM, BASE64 | wanted])
    assert [entry["pubkey"] for entry in found] == [KEY]
    assert data_of(found[0]["account"]) == b"ol"
    wrapped = methods.call("getProgramAccounts", [PROGRAM, BASE64 | {"withContext": True}])
    assert wrapped["context"]["slot"] == SLOT
    assert len(wrapped["value"]) == 2
    assert methods.call("getProgramAccounts", [SYSTEM]) == []


def test_epoch_info_divides_the_slot(methods: RpcMethods) -> None:
    info = methods.call("getEpochInfo", [])
    assert (info["epoch"], info["slotIndex"], info["slotsInEpoch"]) == (1010, SLOT - 1010 * 432_000, 432_000)
    assert info["absoluteSlot"] == info["blockHeight"] == SLOT


def test_a_blockhash_lives_150_blocks_and_differs_from_slot_to_slot(methods: RpcMethods, ledger: AccountLedger) -> None:
    config = {"commitment": "processed"}
    first = methods.call("getLatestBlockhash", [config])["value"]
    ledger.advance({})
    second = methods.call("getLatestBlockhash", [config])["value"]
    assert first["blockhash"] != second["blockhash"]
    assert second["lastValidBlockHeight"] == SLOT + 1 + 150


def test_health_and_version(methods: RpcMethods) -> None:
    assert methods.call("getHealth", []) == "ok"
    assert methods.call("getGenesisHash", []) == "G"
    assert methods.call("getVersion", [])["solana-core"] == "1.2.3"


def test_provenance_is_told_for_each_address_and_null_for_an_absent_one(methods: RpcMethods) -> None:
    assert methods.call("getProvenance", [[OTHER, ABSENT, KEY]]) == ["synthetic", None, "recorded"]


def test_a_token_balance_is_told_with_its_decimals(recording: Recording) -> None:
    methods = RpcMethods(AccountLedger(Block(SLOT, recording.accounts)), {}, version="1.2.3", genesis_hash="G")
    assert methods.call("getTokenAccountBalance", [VAULT])["value"] == {
        "amount": "66599328743661",
        "decimals": 9,
        "uiAmount": 66599.328743661,
        "uiAmountString": "66599.328743661",
    }


@pytest.mark.parametrize("pubkey", [KEY, ABSENT])
def test_what_is_no_token_account_has_no_token_balance(methods: RpcMethods, pubkey: Pubkey) -> None:
    with pytest.raises(RpcError) as refusal:
        methods.call("getTokenAccountBalance", [pubkey])
    assert refusal.value.code == -32602


@pytest.mark.parametrize("method", ["sendTransaction", "simulateTransaction", "accountSubscribe", "getMoon", ""])
def test_what_is_not_served_is_no_method(methods: RpcMethods, method: str) -> None:
    with pytest.raises(RpcError) as refusal:
        methods.call(method, [])
    assert refusal.value.code == -32601


@pytest.mark.parametrize("params", [[], [KEY], [{}], [[5]], [["abc"]]])
def test_a_wrong_list_of_addresses_is_refused(methods: RpcMethods, params: list[Any]) -> None:
    with pytest.raises(RpcError) as refusal:
        methods.call("getMultipleAccounts", params)
    assert refusal.value.code == -32602
