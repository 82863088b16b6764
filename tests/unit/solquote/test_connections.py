"""What doctor says of connections that are not there, or not as they should be."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from fakes.ports import free_port

from quote_core.rpc_addresses import RpcRole
from quote_core.settings import PlatformSettings
from solquote.checks import DoctorFinding, DoctorVerdict
from solquote.connections import check_connections
from solquote.first_slot import FirstSlot

TIMEOUT_S = 20.0


def platform(**changes: str) -> PlatformSettings:
    """Everything on a port where nobody is."""
    nobody = f"127.0.0.1:{free_port()}"
    places = {
        "rpc_url": f"http://{nobody}",
        "rpc_ws_url": f"ws://{nobody}",
        "nats_url": f"nats://{nobody}",
        "local_quote_address": nobody,
        "external_quote_address": nobody,
        "aggregator_address": nobody,
    }
    return PlatformSettings(**(places | changes))


async def findings(
    settings: PlatformSettings, *, http_url: str, monitor_url: str, timeout_s: float = TIMEOUT_S
) -> dict[str, DoctorFinding]:
    first_slots = {
        node.number: FirstSlot(node.ws_url, timeout_s=timeout_s)
        for node in settings.rpc_addresses()
        if RpcRole.SUBSCRIBE in node.roles
    }
    found = await check_connections(
        settings, first_slots, http_urls={"aggregator": http_url}, nats_monitor_url=monitor_url, timeout_s=timeout_s
    )
    return {finding.subject: finding for finding in found}


@asynccontextmanager
async def serving(**answers: object) -> AsyncIterator[str]:
    """An HTTP server: path (without slash) -> JSON, or a handler; POST / is JSON-RPC by method."""

    async def rpc(request: web.Request) -> web.Response:
        method = (await request.json())["method"]
        return web.json_response({"jsonrpc": "2.0", "id": 1, "result": answers[method]} if method in answers else {})

    async def get(request: web.Request) -> web.Response:
        answer = answers[request.path.strip("/")]
        return answer if isinstance(answer, web.Response) else web.json_response(answer)

    async def socket(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        await response.receive()
        for message in answers.get("messages", ()):
            await response.send_str(json.dumps(message))
        await response.close()
        return response

    application = web.Application()
    application.add_routes([web.post("/", rpc), web.get("/jsz", get), web.get("/healthz", get), web.get("/ws", socket)])
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def test_nobody_there_fails_everywhere_and_each_says_what_to_do():
    nobody = f"http://127.0.0.1:{free_port()}"
    found = await findings(platform(), http_url=nobody, monitor_url=nobody)
    assert len(found) == 11
    assert {finding.verdict for finding in found.values()} == {DoctorVerdict.FAILED}
    assert all(finding.mend for finding in found.values())
    assert all(str(nobody) not in finding.mend for finding in found.values())


async def test_a_node_and_a_server_that_are_well_are_ok():
    slot = {"method": "slotNotification", "params": {"result": {"slot": 9}}}
    async with serving(
        getHealth="ok",
        getVersion={"solana-core": "2.0"},
        getSlot=8,
        messages=[{"id": 1, "result": 0}, slot],
        jsz={"config": {"sync_always": True}},
    ) as url:
        settings = platform(rpc_url=url, rpc_ws_url=url.replace("http", "ws") + "/ws")
        found = await findings(settings, http_url=f"{url}/jsz", monitor_url=url)
    assert found["RPC node"].verdict is DoctorVerdict.OK
    assert "version 2.0, slot 8" in found["RPC node"].detail
    assert "slot 9 arrived" in found["RPC WebSocket"].detail
    assert "always" in found["NATS sync_interval"].detail
    assert found["aggregator (HTTP)"].verdict is DoctorVerdict.OK


async def test_each_of_several_endpoints_is_tried_and_told_by_its_number_without_its_key():
    slot = {"method": "slotNotification", "params": {"result": {"slot": 9}}}
    well = {"getHealth": "ok", "getVersion": {"solana-core": "2.0"}, "getSlot": 8}
    nobody = f"http://127.0.0.1:{free_port()}/k3y"
    async with serving(**well, messages=[{"id": 1, "result": 0}, slot], jsz={}) as url:
        ws_url = url.replace("http", "ws") + "/ws"
        places = {name: value for name, value in platform().model_dump().items() if name.endswith("_address")}
        settings = PlatformSettings(
            **places, nats_url=platform().nats_url, rpc_urls=f"{url}|ws={ws_url} {nobody}|roles=read"
        )
        found = await findings(settings, http_url=f"{url}/jsz", monitor_url=url)
    assert found["RPC node 1"].verdict is DoctorVerdict.OK
    assert "slot 9 arrived" in found["RPC WebSocket 1"].detail
    assert found["RPC node 2"].verdict is DoctorVerdict.FAILED
    assert "SOLQUOTE_RPC_URLS" in found["RPC node 2"].mend
    assert "k3y" not in found["RPC node 2"].detail
    assert "RPC WebSocket 2" not in found  # it is not there to be subscribed to


async def test_a_server_that_syncs_every_two_minutes_is_a_warning():
    async with serving(jsz={"config": {"sync_interval": 120_000_000_000}}) as url:
        found = await findings(platform(), http_url=url, monitor_url=url)
    finding = found["NATS sync_interval"]
    assert finding.verdict is DoctorVerdict.WARNING
    assert "every 120 s" in finding.detail
    assert "sync_interval: always" in finding.mend


async def test_a_stream_that_takes_nothing_any_more_fails():
    """As nats-server answers after its disk was full, when there is room again."""
    sick = web.json_response(
        {"status": "unavailable", "error": "JetStream stream '$G > PLANNED' write error: no space left"}, status=503
    )
    async with serving(jsz={"config": {"sync_always": True}}, healthz=sick) as url:
        found = await findings(platform(), http_url=url, monitor_url=url)
    finding = found["JetStream"]
    assert finding.verdict is DoctorVerdict.FAILED
    assert "PLANNED' write error: no space left" in finding.detail


async def test_a_stream_that_takes_messages_is_ok():
    async with serving(jsz={}, healthz={"status": "ok"}) as url:
        found = await findings(platform(), http_url=url, monitor_url=url)
    assert found["JetStream"].verdict is DoctorVerdict.OK


async def test_a_node_that_answers_otherwise_is_told():
    async with serving(getHealth="behind", getVersion={}, getSlot=1, messages=[]) as url:
        settings = platform(rpc_url=url, rpc_ws_url=url.replace("http", "ws") + "/ws")
        found = await findings(settings, http_url=f"{url}/nothing", monitor_url=url)
    assert "is not healthy: behind" in found["RPC node"].detail
    assert "closed before a slot arrived" in found["RPC WebSocket"].detail
    assert "answers with HTTP 404" in found["aggregator (HTTP)"].detail


async def test_a_server_that_never_answers_is_given_up_on_in_time():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        found = await findings(platform(rpc_url=url), http_url=url, monitor_url=url, timeout_s=2.0)
    assert "no answer within 2 s" in found["RPC node"].detail


async def test_a_key_in_a_url_is_not_shown():
    found = await findings(
        platform(rpc_url=f"http://127.0.0.1:{free_port()}/secret-key?api=hush"),
        http_url="http://127.0.0.1:1",
        monitor_url="http://127.0.0.1:1",
    )
    assert not any(word in found["RPC node"].detail for word in ("secret-key", "hush"))


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("http_proxy", raising=False)


async def test_redis_that_is_set_and_not_there_is_told_and_one_that_is_not_set_is_not() -> None:
    nobody = f"127.0.0.1:{free_port()}"
    url = f"http://{nobody}"
    found = (await findings(platform(redis_url=f"redis://:secret@{nobody}/0"), http_url=url, monitor_url=url))["Redis"]
    assert found.verdict is DoctorVerdict.FAILED
    assert "goes on by itself" in found.mend
    assert nobody in found.detail
    assert "secret" not in found.detail
    assert "Redis" not in await findings(platform(), http_url=url, monitor_url=url)
