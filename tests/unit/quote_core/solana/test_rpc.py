"""The client against a node that behaves, fails and babbles."""

import asyncio
import base64
import json
from typing import Any

import aiohttp
import pytest
import zstandard
from aiohttp import web
from fakes.endpoints import rpc_at
from fakes.fake_clock import FakeClock
from fakes.solana_node import SolanaNode

from quote_core.clock import SYSTEM_CLOCK
from quote_core.dex.pool import Account
from quote_core.errors import DeadlinePassed, RateLimited, RpcFailed, RpcUnavailable
from quote_core.quotes import Provenance
from quote_core.solana import PartlyRead, RpcClient, UpdateSource
from quote_core.solana.codec import ACCOUNT_SIZE_BYTES_MAX


def client(node: SolanaNode, session: aiohttp.ClientSession, **options: Any) -> RpcClient:
    return rpc_at(node.http_url, session=session, clock=FakeClock(), **options)


async def test_accounts_come_with_slot_and_absent_ones_as_none(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    node.accounts["a"] = Account("owner", b"data", 5)
    there, absent = await client(node, session).get_multiple_accounts(["a", "b"])
    assert (there.account, there.slot, there.source) == (Account("owner", b"data", 5), 100, UpdateSource.ANSWER)
    assert absent.account is None


async def test_accounts_are_asked_for_a_hundred_at_a_time(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    updates = await client(node, session).get_multiple_accounts([f"k{index}" for index in range(201)])
    assert [update.pubkey for update in updates] == [f"k{index}" for index in range(201)]
    assert [len(params[0]) for _, params in node.requests] == [100, 100, 1]


async def test_a_program_search_sends_its_filters_and_reads_the_hits(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    node.accounts = {"hit": Account("p", b"abc"), "short": Account("p", b"ab"), "other": Account("q", b"abc")}
    found = await client(node, session).get_program_accounts("p", [{"dataSize": 3}])
    assert [(one.pubkey, one.account.data, one.slot) for one in found] == [("hit", b"abc", 100)]


async def test_an_ordinary_node_means_chain_for_all_and_is_asked_once(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    rpc = client(node, session)
    assert await rpc.get_provenance(["a", "b"]) == {"a": Provenance.CHAIN, "b": Provenance.CHAIN}
    assert await rpc.get_provenance(["c"]) == {"c": Provenance.CHAIN}
    assert node.methods() == ["getProvenance"]


@pytest.mark.parametrize(
    "refusal",
    [
        {"json": {"error": {"code": -32601, "message": "Method not found"}}},
        {"json": {"error": {"code": -32600, "message": "Invalid request"}}},
        {"json": {"error": {"code": -32602, "message": "Invalid params"}}},
        {"json": {"error": {"code": 35, "message": "method is not available on this plan"}}},
        {"json": {"error": "no such method"}, "status": 400},
        {"json": {"error": {"message": "forbidden"}}, "status": 403},
        {"text": "<html>404</html>", "status": 404},
        {"text": "", "status": 405},
        {"json": {"id": 1, "result": None}},
    ],
)
async def test_a_node_that_refuses_the_question_in_any_way_is_an_ordinary_one(
    node: SolanaNode, session: aiohttp.ClientSession, refusal: dict[str, Any]
) -> None:
    async def refuse(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        if "json" in refusal:
            return web.json_response(refusal["json"], status=refusal.get("status", 200))
        return web.Response(text=refusal["text"], status=refusal["status"])

    node.fault = refuse
    rpc = client(node, session)
    assert await rpc.get_provenance(["a"]) == {"a": Provenance.CHAIN}
    assert await rpc.get_provenance(["b"]) == {"b": Provenance.CHAIN}
    assert len(node.requests) == 1


async def test_a_node_that_fails_in_passing_is_not_taken_for_an_ordinary_one(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    async def fail(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(status=500)

    node.provenance = {"a": "synthetic"}
    node.fault = fail
    rpc = client(node, session, attempt_count_max=1)
    with pytest.raises(RpcUnavailable):
        await rpc.get_provenance(["a"])
    node.fault = None
    assert await rpc.get_provenance(["a"]) == {"a": Provenance.SYNTHETIC}


async def test_a_node_that_told_origins_before_is_never_the_chain(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    node.provenance = {"a": "recorded", "b": "forged"}
    rpc = client(node, session)
    assert await rpc.get_provenance(["a", "b"]) == {"a": Provenance.RECORDED, "b": Provenance.SYNTHETIC}
    node.provenance = None
    with pytest.raises(RpcFailed):
        await rpc.get_provenance(["a"])


async def test_a_recorded_node_tells_the_origin_of_what_it_has(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    node.provenance = {"a": "recorded", "b": "synthetic", "c": "patched"}
    origins = await client(node, session).get_provenance(["a", "b", "c", "unknown"])
    assert origins == {"a": Provenance.RECORDED, "b": Provenance.SYNTHETIC, "c": Provenance.PATCHED}


async def test_a_node_that_fails_in_passing_is_asked_again(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    answers = [web.Response(status=503), web.json_response({"error": {"code": -32005, "message": "behind"}})]

    async def fail_twice(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return answers.pop(0) if answers else None

    node.fault = fail_twice
    assert await client(node, session).get_slot() == 100
    assert node.methods() == ["getSlot"] * 3


async def test_attempts_are_bounded(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    async def always(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(status=500)

    node.fault = always
    with pytest.raises(RpcFailed, match="HTTP 500"):
        await client(node, session, attempt_count_max=3).get_slot()
    assert len(node.requests) == 3


async def test_what_will_not_pass_is_not_asked_again(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    with pytest.raises(RpcFailed) as caught:
        await client(node, session).call("getNothing", [])
    assert caught.value.rpc_code == -32601
    assert len(node.requests) == 1


async def test_a_short_rate_limit_is_waited_out_within_the_deadline(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    answers = [web.Response(status=429, headers={"Retry-After": "0.2"})]

    async def limited_once(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return answers.pop() if answers else None

    node.fault = limited_once
    rpc = rpc_at(node.http_url, session=session, clock=SYSTEM_CLOCK)
    before_ns = SYSTEM_CLOCK.mono_ns()
    assert await rpc.get_slot() == 100
    assert SYSTEM_CLOCK.mono_ns() - before_ns >= 200_000_000


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "wait_ms"),
    [
        ({"Retry-After": "30"}, 30_000),
        ({"Retry-After": "3600"}, 3_600_000),
        ({"Retry-After": "Tue, 14 Nov 2023 22:14:50 GMT", "Date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 90_000),
        ({"Retry-After": "9" * 5_000}, 86_400_000),
    ],
)
async def test_no_call_is_made_while_the_node_wants_none(
    node: SolanaNode, session: aiohttp.ClientSession, status: int, headers: dict[str, str], wait_ms: int
) -> None:
    async def limited(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(status=status, headers=headers)

    node.fault = limited
    clock = FakeClock()
    rpc = rpc_at(node.http_url, session=session, clock=clock)
    with pytest.raises(RateLimited if status == 429 else RpcUnavailable):
        await rpc.get_slot()
    node.fault = None
    for asked in (rpc.get_slot(), rpc.get_multiple_accounts(["a"]), rpc.get_program_accounts("p", [])):
        with pytest.raises(RateLimited) as caught:
            await asked
        assert caught.value.retry_after_ms == wait_ms
    assert len(node.requests) == 1
    clock.advance_ms(wait_ms)
    assert await rpc.get_slot() == 100


async def test_a_redirect_is_not_followed(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    elsewhere = SolanaNode()
    await elsewhere.start()

    async def move(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.Response(status=307, headers={"Location": elsewhere.http_url})

    node.fault = move
    try:
        with pytest.raises(RpcFailed, match="HTTP 307; redirects are not followed"):
            await client(node, session).get_slot()
        assert elsewhere.requests == []
    finally:
        await elsewhere.stop()


async def test_a_node_that_hangs_meets_the_deadline(node: SolanaNode, session: aiohttp.ClientSession) -> None:
    released = asyncio.Event()

    async def hang(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        await released.wait()
        return None

    node.fault = hang
    with pytest.raises(DeadlinePassed, match="getSlot"):
        await client(node, session, timeout_ms=50).get_slot()
    released.set()


async def test_a_node_that_is_gone_is_an_rpc_failure_without_its_key(session: aiohttp.ClientSession) -> None:
    rpc = rpc_at(
        "http://127.0.0.1:1/?api-key=secret",
        session=session,
        clock=FakeClock(),
        attempt_count_max=2,
    )
    with pytest.raises(RpcFailed, match="cannot be reached") as caught:
        await rpc.get_slot()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("result", [None, 5, {"value": 1}, {"context": {"slot": 1}, "value": [None, None]}])
async def test_an_answer_of_another_shape_is_refused(
    node: SolanaNode, session: aiohttp.ClientSession, result: object
) -> None:
    async def babble(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return web.json_response({"id": call["id"], "result": result})

    node.fault = babble
    rpc = client(node, session)
    for asked in (rpc.get_multiple_accounts(["a"]), rpc.get_program_accounts("p", [])):
        with pytest.raises(RpcFailed):
            await asked


@pytest.mark.parametrize("slot", [2**48, 2**63, 2**64, -1, True, 1.5, "100"])
async def test_a_slot_no_chain_reaches_is_refused(
    node: SolanaNode, session: aiohttp.ClientSession, slot: object
) -> None:
    async def babble(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        result = slot if call["method"] == "getSlot" else {"context": {"slot": slot}, "value": [None]}
        return web.Response(body=json.dumps({"id": call["id"], "result": result}))

    node.fault = babble
    rpc = client(node, session)
    for asked in (rpc.get_slot(), rpc.get_multiple_accounts(["a"])):
        with pytest.raises(RpcFailed):
            await asked


async def test_one_refused_request_leaves_the_accounts_of_the_others(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    async def refuse_second(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        if "k100" in call["params"][0]:
            return web.json_response({"id": call["id"], "error": {"code": -32602, "message": "Invalid param"}})
        return None

    node.fault = refuse_second
    with pytest.raises(PartlyRead, match="Invalid param") as partly:
        await client(node, session).get_multiple_accounts([f"k{index}" for index in range(250)])
    assert len(partly.value.updates) == 150


async def test_one_account_that_cannot_be_read_leaves_the_others(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    good = {"owner": "o", "lamports": 1, "data": ["", "base64"]}

    async def spoil(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        value = [good, good | {"lamports": 2**64}, None]
        return web.json_response({"id": call["id"], "result": {"context": {"slot": 1}, "value": value}})

    node.fault = spoil
    with pytest.raises(PartlyRead, match="account b: not an account") as partly:
        await client(node, session).get_multiple_accounts(["a", "b", "c"])
    assert [update.pubkey for update in partly.value.updates] == ["a", "c"]


async def test_an_answer_that_unpacks_to_too_much_is_refused_in_whole(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    packed = base64.b64encode(zstandard.compress(bytes(ACCOUNT_SIZE_BYTES_MAX))).decode()
    bomb = {"owner": "o", "lamports": 1, "data": [packed, "base64+zstd"]}

    async def explode(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        value: list[Any] = [bomb] * 100
        if call["method"] == "getProgramAccounts":
            value = [{"pubkey": "k", "account": bomb}] * 10_000
        return web.json_response({"id": call["id"], "result": {"context": {"slot": 1}, "value": value}})

    node.fault = explode
    rpc = client(node, session)
    for asked in (
        rpc.get_multiple_accounts([f"k{index}" for index in range(100)]),
        rpc.get_program_accounts("p", []),
    ):
        with pytest.raises(RpcFailed, match="take more than 67108864 bytes") as refused:
            await asked
        assert not isinstance(refused.value, PartlyRead)


async def test_calls_are_counted_by_method_and_ending_and_each_try_of_them(
    node: SolanaNode, session: aiohttp.ClientSession
) -> None:
    answers = [web.Response(status=502)]

    async def fail_once(request: web.Request, call: dict[str, Any]) -> web.StreamResponse | None:
        return answers.pop() if answers else None

    rpc = client(node, session)
    node.fault = fail_once
    await rpc.get_slot()
    await rpc.get_slot()
    with pytest.raises(RpcFailed):
        await rpc.call("getNothing", [])
    (endpoint,) = rpc.endpoints
    assert {method: dict(figures.endings) for method, figures in endpoint.calls.items()} == {
        "getSlot": {"OK": 2},
        "getNothing": {"UNAVAILABLE": 1},
    }
    assert (endpoint.calls["getSlot"].took_s.count, endpoint.attempt_count) == (2, 4)
