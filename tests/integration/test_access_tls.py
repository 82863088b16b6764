"""TLS and mutual TLS of gRPC and HTTP, with certificates that change while the servers run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from aiohttp import ClientError, ClientSession, TCPConnector, web
from fakes.certificates import Authority, Issued, serving_with

from quote_core.access.caller import Caller
from quote_core.access.control import AccessControl
from quote_core.channel import open_blocking_channel, open_channel
from quote_core.serving import serve, serve_http
from quote_core.settings import SettingsError
from quote_core.web.admission import admitting

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Ports:
    grpc: int
    http: int


def register(server: grpc.aio.Server) -> None:
    async def echo(request: bytes, context: Any) -> bytes:
        return request

    handlers = {"Ask": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))


async def answer(_: web.Request) -> web.Response:
    return web.Response(text="answered")


@contextlib.asynccontextmanager
async def servers(access: AccessControl) -> AsyncIterator[Ports]:
    application = web.Application(middlewares=[admitting(access, {})])
    application.router.add_get("/", answer)
    async with (
        serve(register, services=(), host="127.0.0.1", port=0, access=access) as server,
        serve_http(application, host="127.0.0.1", port=0, access=access) as port,
    ):
        yield Ports(server.port, port)


async def asked_over_grpc(ports: Ports, caller: Caller) -> bytes:
    async with open_channel(f"127.0.0.1:{ports.grpc}", caller) as channel:
        answered: bytes = await channel.unary_unary("/test.Service/Ask")(b"asked", timeout=20)
        return answered


async def asked_over_http(ports: Ports, caller: Caller) -> str:
    url = f"{caller.scheme}://127.0.0.1:{ports.http}/"
    async with (
        ClientSession(connector=TCPConnector(ssl=caller.context or True)) as session,
        session.get(url, headers=caller.headers()) as response,
    ):
        response.raise_for_status()
        return await response.text()


async def assert_answered(ports: Ports, caller: Caller) -> None:
    assert await asked_over_grpc(ports, caller) == b"asked"
    assert await asked_over_http(ports, caller) == "answered"


async def assert_refused(ports: Ports, caller: Caller) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked_over_grpc(ports, caller)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(ClientError):
        await asked_over_http(ports, caller)


def showing(authority: Authority, issued: Issued | None = None) -> Caller:
    return Caller(
        ca=authority.path,
        certificate=None if issued is None else issued.certificate,
        key=None if issued is None else issued.key,
    )


async def test_who_believes_the_authority_is_served_and_who_does_not_or_speaks_plainly_is_not(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    access = AccessControl(serving_with(authority.issue("server")))
    async with servers(access) as ports:
        await assert_answered(ports, showing(authority))
        await assert_refused(ports, showing(other))
        await assert_refused(ports, Caller())
        blocking = open_blocking_channel(f"127.0.0.1:{ports.grpc}", showing(authority))
        with blocking as channel:
            assert await asyncio.to_thread(channel.unary_unary("/test.Service/Ask"), b"asked", timeout=20) == b"asked"


async def test_mutual_tls_refuses_who_shows_no_certificate_or_a_stranger_s(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "ours"), Authority(tmp_path / "other")
    access = AccessControl(serving_with(authority.issue("server"), tls_client_ca=authority.path))
    async with servers(access) as ports:
        await assert_answered(ports, showing(authority, authority.issue("client")))
        await assert_refused(ports, showing(authority))
        await assert_refused(ports, showing(authority, other.issue("client")))


async def test_limits_are_counted_by_the_name_in_the_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ours")
    limits = {"client_quota": 1, "tls_client_ca": authority.path}
    access = AccessControl(serving_with(authority.issue("server"), **limits))
    async with servers(access) as ports:
        first, second = (showing(authority, authority.issue(name)) for name in ("first", "second"))
        assert await asked_over_grpc(ports, first) == b"asked"
        assert await asked_over_http(ports, second) == "answered"
        for ask in (asked_over_grpc(ports, second), asked_over_grpc(ports, first)):
            with pytest.raises(grpc.aio.AioRpcError, match="may make 1 calls in 24 hours") as caught:
                await ask
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_other_certificates_are_for_who_connects_from_then_on_and_wrong_ones_change_nothing(
    tmp_path: Path,
) -> None:
    before, after = Authority(tmp_path / "before"), Authority(tmp_path / "after")
    platform = serving_with(before.issue("server"), tls_client_ca=before.path)
    access = AccessControl(platform)
    old, new = (showing(one, one.issue("client")) for one in (before, after))
    async with servers(access) as ports, open_channel(f"127.0.0.1:{ports.grpc}", old) as connected:
        ask = connected.unary_unary("/test.Service/Ask")
        assert await ask(b"asked") == b"asked"
        issued = after.issue("server")
        for wrong, mistake in (
            ({"tls_key": before.issue("other").key}, "SOLQUOTE_TLS_CERTIFICATE: .* do not fit"),
            ({"tls_client_ca": None}, "SOLQUOTE_TLS_CLIENT_CA: may name another file"),
            ({"tls_client_ca": issued.key}, "SOLQUOTE_TLS_CLIENT_CA: .* holds no certificate"),
        ):
            with pytest.raises(SettingsError, match=mistake):
                access.reload(platform.model_copy(update=wrong))
            await assert_answered(ports, old)
        update = {"tls_certificate": issued.certificate, "tls_key": issued.key, "tls_client_ca": after.path}
        access.reload(platform.model_copy(update=update))
        await assert_answered(ports, new)
        await assert_refused(ports, old)
        assert await ask(b"still") == b"still"


async def test_a_key_that_others_may_read_is_refused_by_name_and_never_shown(tmp_path: Path) -> None:
    issued = Authority(tmp_path / "ours").issue("server")
    issued.key.chmod(0o644)
    with pytest.raises(SettingsError, match=r"SOLQUOTE_TLS_KEY: .* has mode 0644") as caught:
        AccessControl(serving_with(issued))
    assert "PRIVATE KEY" not in str(caught.value)
