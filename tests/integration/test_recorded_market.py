"""The recorded market's node as its own process, driven by `solana`, a client that knows nothing of this project."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from fakes.recorded_market_process import MarketProcess, recorded_market_process
from fakes.waiting import DEADLINE_S
from solana.rpc.async_api import AsyncClient
from solana.rpc.core import RPCException
from solana.rpc.models import DataSliceOpts, MemcmpOpts
from solana.rpc.websocket_api import SolanaWsClient
from solders.pubkey import Pubkey
from solders.rpc.config import RpcTransactionLogsFilterMentions

pytestmark = pytest.mark.integration

AMM_V4_PROGRAM = Pubkey.from_string("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
AMM_V4_POOL = Pubkey.from_string("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2")
SOL_VAULT = Pubkey.from_string("DQyrAcCrDXQ7NeoqGgDCZwBvWDcYmFCjSb9JtteuvPpz")
SOL_MINT = Pubkey.from_string("So11111111111111111111111111111111111111112")
TOKEN_PROGRAM = Pubkey.from_string("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
CLOCK = Pubkey.from_string("SysvarC1ock11111111111111111111111111111111")
ABSENT = Pubkey.from_string("11111111111111111111111111111112")


@pytest.fixture(scope="module")
def market() -> Iterator[MarketProcess]:
    with recorded_market_process(seed=1) as process:
        yield process


@pytest.fixture
async def client(market: MarketProcess) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(market.rpc_url) as client:
        yield client


@pytest.fixture
async def socket(market: MarketProcess) -> AsyncIterator[SolanaWsClient]:
    async with SolanaWsClient(market.websocket_url) as socket:
        yield socket


async def slot_is_final(client: AsyncClient, slot: int) -> None:
    """Wait until the node has finalized `slot`."""
    async with asyncio.timeout(DEADLINE_S):
        while (await client.get_slot("finalized")).value < slot:  # noqa: ASYNC110 - another process, asked anew
            await asyncio.sleep(0.02)


async def post(market: MarketProcess, body: Any) -> Any:
    async with aiohttp.ClientSession() as session, session.post(market.rpc_url, json=body) as response:
        return await response.json()


async def error_of(market: MarketProcess, method: str, params: list[Any]) -> dict[str, Any]:
    answer = await post(market, {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    error: dict[str, Any] = answer["error"]
    return error


async def test_the_node_says_that_it_is_well_and_who_it_is(client: AsyncClient) -> None:
    assert await client.is_connected()
    assert (await client.get_version()).value.solana_core.endswith("-recorded")


async def test_slots_advance_and_each_commitment_has_its_own(client: AsyncClient) -> None:
    first = (await client.get_slot("processed")).value
    await slot_is_final(client, first + 1)
    finalized = (await client.get_slot("finalized")).value
    confirmed = (await client.get_slot("confirmed")).value
    processed = (await client.get_slot("processed")).value
    assert first < finalized < confirmed <= processed
    assert (await client.get_block_height("finalized")).value >= finalized


async def test_epoch_blockhash_and_balance(client: AsyncClient) -> None:
    info = (await client.get_epoch_info()).value
    assert info.epoch == info.absolute_slot // 432_000 == 1010
    latest = await client.get_latest_blockhash()
    assert latest.value.last_valid_block_height == latest.context.slot + 150
    assert (await client.get_balance(AMM_V4_POOL)).value == 6_124_800
    assert (await client.get_token_account_balance(SOL_VAULT)).value.decimals == 9


@pytest.mark.parametrize("encoding", ["base64", "base64+zstd"])
async def test_an_account_is_the_same_in_every_encoding(client: AsyncClient, encoding: str) -> None:
    account = (await client.get_account_info(AMM_V4_POOL, encoding=encoding)).value
    assert account is not None
    assert (len(account.data), account.owner) == (752, AMM_V4_PROGRAM)
    assert bytes(account.data[400:432]) == bytes(SOL_MINT)


async def test_base58_is_for_short_data(client: AsyncClient) -> None:
    data_slice = DataSliceOpts(offset=400, length=32)
    account = (await client.get_account_info(AMM_V4_POOL, encoding="base58", data_slice=data_slice)).value
    assert account is not None
    assert bytes(account.data) == bytes(SOL_MINT)
    with pytest.raises(RPCException, match="less than 128 bytes"):
        await client.get_account_info(AMM_V4_POOL, encoding="base58")


async def test_many_accounts_come_from_one_slot_and_absent_ones_are_none(client: AsyncClient) -> None:
    answer = await client.get_multiple_accounts([CLOCK, ABSENT, AMM_V4_POOL], commitment="processed")
    clock, absent, pool = answer.value
    assert absent is None
    assert clock is not None
    assert pool is not None
    assert int.from_bytes(clock.data[:8], "little") == answer.context.slot


async def test_more_than_a_hundred_accounts_are_refused(client: AsyncClient) -> None:
    assert len((await client.get_multiple_accounts([CLOCK] * 100)).value) == 100
    with pytest.raises(RPCException, match="Too many inputs provided; max 100"):
        await client.get_multiple_accounts([CLOCK] * 101)


async def test_pools_are_found_by_program_size_and_mints(client: AsyncClient) -> None:
    filters = [752, MemcmpOpts(offset=400, bytes=str(SOL_MINT))]
    found = (await client.get_program_accounts(AMM_V4_PROGRAM, encoding="base64", filters=filters)).value
    assert AMM_V4_POOL in [entry.pubkey for entry in found]
    assert len(found) == 12  # one recorded, eleven synthetic
    data_slice = DataSliceOpts(offset=400, length=32)
    sliced = await client.get_program_accounts(
        AMM_V4_PROGRAM, encoding="base64", data_slice=data_slice, filters=filters
    )
    assert {bytes(entry.account.data) for entry in sliced.value} == {bytes(SOL_MINT)}


async def test_provenance_tells_recorded_synthetic_and_patched_apart(
    market: MarketProcess, client: AsyncClient
) -> None:
    filters = [752, MemcmpOpts(offset=400, bytes=str(SOL_MINT))]
    pools = [
        str(entry.pubkey)
        for entry in (await client.get_program_accounts(AMM_V4_PROGRAM, filters=filters, encoding="base64")).value
    ]
    keys = [*pools, str(CLOCK), str(ABSENT)]
    answer = await post(market, {"jsonrpc": "2.0", "id": 1, "method": "getProvenance", "params": [keys]})
    origins = dict(zip(keys, answer["result"], strict=True))
    assert origins.pop(str(AMM_V4_POOL)) == "recorded"
    assert origins.pop(str(CLOCK)) == "patched"
    assert origins.pop(str(ABSENT)) is None
    assert set(origins.values()) == {"synthetic"}


async def test_a_subscriber_sees_a_vault_change_as_the_node_then_shows_it(
    client: AsyncClient, socket: SolanaWsClient
) -> None:
    await socket.account_subscribe(pubkey=SOL_VAULT, commitment="processed", encoding="base64")
    before = (await client.get_account_info(SOL_VAULT, commitment="processed")).value
    async with asyncio.timeout(DEADLINE_S):
        notification = await socket.recv()
    told = notification.result.value
    assert before is not None
    assert told.owner == TOKEN_PROGRAM
    assert told.data[64:72] != before.data[64:72]
    assert told.data[:64] == before.data[:64]
    await slot_is_final(client, notification.result.context.slot)
    # Whoever reads at the notification's slot or later sees this change or a later one, never an older state.
    answer = await client.get_account_info(SOL_VAULT, commitment="finalized")
    assert answer.context.slot >= notification.result.context.slot


async def test_slots_are_told_one_after_another(socket: SolanaWsClient) -> None:
    await socket.slot_subscribe()
    async with asyncio.timeout(DEADLINE_S):
        told = [(await socket.recv()).result for _ in range(5)]
    assert [slot.slot for slot in told] == list(range(told[0].slot, told[0].slot + 5))
    assert all((slot.parent, slot.root) == (slot.slot - 1, slot.slot - 31) for slot in told)


async def test_a_program_subscriber_sees_token_accounts_move(socket: SolanaWsClient) -> None:
    filters = [165, MemcmpOpts(offset=0, bytes=str(SOL_MINT))]
    await socket.program_subscribe(
        program_id=TOKEN_PROGRAM, commitment="confirmed", encoding="base64+zstd", filters=filters
    )
    async with asyncio.timeout(DEADLINE_S):
        told = (await socket.recv()).result.value
    assert told.account.owner == TOKEN_PROGRAM
    assert bytes(told.account.data[:32]) == bytes(SOL_MINT)


async def test_an_unsubscribed_client_hears_of_the_rest_only(socket: SolanaWsClient) -> None:
    account = await socket.account_subscribe(pubkey=CLOCK, commitment="processed", encoding="base64")
    slot = await socket.slot_subscribe()
    await socket.unsubscribe(account)
    async with asyncio.timeout(DEADLINE_S):
        told = [await socket.recv() for _ in range(6)]
    after = told[2:]  # what was on its way before the answer may still come
    assert {notification.subscription for notification in after} == {slot.subscription_id}


async def test_a_logs_subscriber_is_told_of_the_swaps_of_the_pool_it_names(socket: SolanaWsClient) -> None:
    subscription = await socket.logs_subscribe(
        filter_=RpcTransactionLogsFilterMentions(AMM_V4_POOL), commitment="processed"
    )
    accounts = await socket.account_subscribe(pubkey=AMM_V4_POOL, commitment="processed", encoding="base64")
    swap_slots, account_slots, signatures = set(), set(), []
    async with asyncio.timeout(DEADLINE_S):
        while len(swap_slots & account_slots) < 3:
            told = await socket.recv()
            if told.subscription == subscription.subscription_id:
                assert told.result.value.err is None
                assert str(AMM_V4_PROGRAM) in told.result.value.logs[0]
                signatures.append(told.result.value.signature)
                swap_slots.add(told.result.context.slot)
            elif told.subscription == accounts.subscription_id:
                account_slots.add(told.result.context.slot)
    assert len(set(signatures)) == len(signatures)


async def test_each_filter_finds_what_the_others_find(market: MarketProcess) -> None:
    async def found(*filters: Any, **config: Any) -> Any:
        params = [str(TOKEN_PROGRAM), {"encoding": "base64", "filters": list(filters), **config}]
        return (await post(market, {"jsonrpc": "2.0", "id": 1, "method": "getProgramAccounts", "params": params}))[
            "result"
        ]

    mint = bytes(SOL_MINT)
    of_mint = {
        "base58": {"memcmp": {"offset": 0, "bytes": str(SOL_MINT)}},
        "base64": {"memcmp": {"offset": 0, "bytes": base64.b64encode(mint).decode(), "encoding": "base64"}},
        "bytes": {"memcmp": {"offset": 0, "bytes": list(mint)}},
    }
    vaults = [[entry["pubkey"] for entry in await found("tokenAccountState", one)] for one in of_mint.values()]
    assert vaults[0] == vaults[1] == vaults[2]
    assert str(SOL_VAULT) in vaults[0]
    assert vaults[0] == sorted(vaults[0], key=lambda pubkey: bytes(Pubkey.from_string(pubkey)))
    sized = [entry["pubkey"] for entry in await found({"dataSize": 165}, of_mint["base58"])]
    assert sized == vaults[0]
    wrapped = await found({"dataSize": 82}, withContext=True, dataSlice={"offset": 0, "length": 0})
    assert wrapped["context"]["slot"] > 0
    mints = [entry["pubkey"] for entry in wrapped["value"]]
    assert str(SOL_MINT) in mints
    assert {entry["account"]["data"][0] for entry in wrapped["value"]} == {""}
    tokens = [entry["pubkey"] for entry in await found("tokenAccountState")]
    assert not set(mints) & set(tokens)


async def test_a_program_subscriber_takes_the_same_filters(market: MarketProcess) -> None:
    config = {
        "encoding": "base64",
        "commitment": "processed",
        "dataSlice": {"offset": 0, "length": 32},
        "filters": ["tokenAccountState", {"memcmp": {"offset": 0, "bytes": list(bytes(SOL_MINT))}}],
    }
    call = {"jsonrpc": "2.0", "id": 7, "method": "programSubscribe", "params": [str(TOKEN_PROGRAM), config]}
    async with (
        asyncio.timeout(DEADLINE_S),
        aiohttp.ClientSession() as session,
        session.ws_connect(market.websocket_url) as socket,
    ):
        await socket.send_json(call)
        number = (await socket.receive_json())["result"]
        for _ in range(3):
            told = (await socket.receive_json())["params"]
            assert told["subscription"] == number
            assert base64.b64decode(told["result"]["value"]["account"]["data"][0]) == bytes(SOL_MINT)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("getMoon", [], -32601),
        ("sendTransaction", ["AA=="], -32601),
        ("slotSubscribe", [], -32601),
        ("getAccountInfo", [], -32602),
        ("getAccountInfo", ["not base58!"], -32602),
        ("getAccountInfo", ["abc"], -32602),
        ("getAccountInfo", [str(AMM_V4_POOL), {"encoding": "jsonParsed"}], -32602),
        ("getAccountInfo", [str(AMM_V4_POOL)], -32600),
        ("getSlot", [{"commitment": "soon"}], -32602),
        ("getSlot", [{"minContextSlot": 2**63}], -32016),
        ("getProgramAccounts", [str(AMM_V4_PROGRAM), {"filters": [{"dataSize": 1}] * 5}], -32602),
    ],
)
async def test_a_wrong_call_gets_the_code_of_a_node(
    market: MarketProcess, method: str, params: list[Any], code: int
) -> None:
    assert (await error_of(market, method, params))["code"] == code


async def test_min_context_slot_says_how_far_the_node_is(market: MarketProcess, client: AsyncClient) -> None:
    slot = (await client.get_slot("processed")).value
    error = await error_of(market, "getSlot", [{"commitment": "processed", "minContextSlot": slot + 1_000_000}])
    assert slot <= error["data"]["contextSlot"] < slot + 1_000_000


@pytest.mark.parametrize(("body", "code"), [(b"{", -32700), (b"[]", -32600), (b'{"id": 1}', -32600)])
async def test_what_is_no_request_gets_the_code_of_json_rpc(market: MarketProcess, body: bytes, code: int) -> None:
    headers = {"Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(market.rpc_url, data=body) as response,
    ):
        assert (await response.json())["error"]["code"] == code


async def test_a_batch_is_answered_as_a_batch(market: MarketProcess) -> None:
    batch = [{"jsonrpc": "2.0", "id": number, "method": "getSlot"} for number in range(5)]
    answers = await post(market, batch)
    assert [answer["id"] for answer in answers] == list(range(5))


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [(b"{}", "text/plain", 415), (b"x" * 60_000, "application/json", 413)],
)
async def test_http_refuses_other_content_and_large_bodies(
    market: MarketProcess, content: bytes, content_type: str, status: int
) -> None:
    async with (
        aiohttp.ClientSession(headers={"Content-Type": content_type}) as session,
        session.post(market.rpc_url, data=content) as response,
    ):
        assert response.status == status


async def test_health_is_also_a_page(market: MarketProcess) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{market.rpc_url}/health") as response:
        assert await response.text() == "ok"


async def test_jupiter_answers_quotes_labels_and_refusals(market: MarketProcess) -> None:
    usdc = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
    query = {"inputMint": str(SOL_MINT), "outputMint": usdc, "amount": "1000000000"}
    async with aiohttp.ClientSession(market.jupiter_url) as session:
        for path in ("/quote", "/swap/v1/quote"):
            async with session.get(path, params=query) as response:
                answer = await response.json()
                assert response.status == 200
                assert 78_000_000 < int(answer["outAmount"]) < 85_000_000
                assert answer["timeTaken"] >= 0
                assert [step["swapInfo"]["provenance"] for step in answer["routePlan"]] == ["recorded"]
                assert int(response.headers["x-ratelimit-remaining"]) > 0
        async with session.get("/quote", params=query | {"amount": "0"}) as response:
            assert (response.status, "error" in await response.json()) == (400, True)
        async with session.get("/program-id-to-label") as response:
            assert (await response.json())[str(AMM_V4_PROGRAM)] == "Raydium"
