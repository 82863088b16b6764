"""What of a platform can be called: where, in which protocol, whether it answers now, and by which line.

Each is asked for what it says of itself: gRPC by reflection, the quote API for its OpenAPI document. What cannot be
reached is shown as such, with the line that would call it.
"""

import asyncio
import json
import os
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import grpc
import grpc.aio
import nats.errors
from google.protobuf import descriptor_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from quote_core.access.caller import Caller
from quote_core.access.calling import caller_of
from quote_core.addresses import dialled, redacted_servers, redacted_url, with_port
from quote_core.bus import BusRole, access_of
from quote_core.bus.client import open_once
from quote_core.channel import open_channel
from quote_core.settings import PlatformSettings, SettingsError, environment_name
from quote_core.telemetry.logs import start_logs
from shm import QuoteReader, Role, ShmError
from shm.files import default_directory
from solquote.http_exchange import NoHttpAnswer
from solquote.http_look import http_answer

__all__ = ["CallableService", "ServicePlaces", "look_at_services"]

_SOL: Final = "So11111111111111111111111111111111111111112"
_USDC: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
_ONE_SOL: Final = 1_000_000_000
_STREAMS_PAGE: Final = "/jsz?streams=true"
_OWN_OF_GRPC: Final = ("grpc.reflection.", "grpc.health.")
MANAGER_ROUTES: Final = (
    "GET /api/killswitch",
    "POST /api/killswitch/enable",
    "POST /api/killswitch/disable",
    "GET /api/health",
)
"""`tests/unit/solquote/test_callable_services.py` holds them against the API's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlaces:
    """Where the settings say that things are, beyond the platform's own settings."""

    aggregator_http_port: int
    manager_host: str
    manager_port: int
    jupiter_url: str
    nats_monitor: str
    """Host and port."""
    metrics_urls: Mapping[str, str]
    """By process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableService:
    """One thing that can be called."""

    name: str
    protocol: str
    address: str
    example: str
    """One line for a shell."""
    answers: bool = False
    trouble: str = ""
    """Why not."""
    offers: tuple[str, ...] = ()
    """gRPC methods, or HTTP paths."""


@dataclass(frozen=True, slots=True)
class _Probe:
    service: CallableService
    ask: Callable[[], Awaitable[Sequence[str]]] = field(repr=False)
    """What it offers; raises when it does not answer."""


class _NoAnswer(Exception):
    """It is there, and answers otherwise than it should."""


async def look_at_services(
    platform: PlatformSettings, places: ServicePlaces, *, data_dir_option: str, timeout_s: float
) -> list[CallableService]:
    """Ask all of them at once.

    Args:
        platform: Where things are.
        places: Where the rest is.
        data_dir_option: What makes a `solquote` command mean this platform; empty when nothing is needed.
        timeout_s: Of each.
    """
    start_logs("solquote", "error")
    caller = caller_of(platform)
    probes = [
        *_quote_services(platform, caller),
        *_http_services(platform, places, caller),
        *_bus(platform, places, data_dir_option, timeout_s),
        _shared_memory(platform, data_dir_option),
        *_metrics(places.metrics_urls),
    ]
    return list(await asyncio.gather(*(_looked_at(probe, timeout_s) for probe in probes)))


async def _looked_at(probe: _Probe, timeout_s: float) -> CallableService:
    try:
        async with asyncio.timeout(timeout_s):
            offers = await probe.ask()
    except TimeoutError:
        return replace(probe.service, trouble=f"no answer within {timeout_s:g} s")
    except grpc.aio.AioRpcError as error:
        return replace(probe.service, trouble=error.code().name)
    except (_NoAnswer, ShmError, SettingsError) as error:
        return replace(probe.service, trouble=str(error))
    except (OSError, NoHttpAnswer, nats.errors.Error, ValueError) as error:
        return replace(probe.service, trouble=f"cannot be reached ({type(error).__name__})")
    return replace(probe.service, answers=True, offers=probe.service.offers or tuple(offers))


def _quote_services(platform: PlatformSettings, caller: Caller) -> list[_Probe]:
    return [
        _Probe(
            CallableService(
                name=name,
                protocol="gRPC",
                address=address,
                example=_grpc_example(platform, address, f"solquote.v1.{service}/GetQuote"),
            ),
            partial(_grpc_methods, address, caller),
        )
        for name, address, service in (
            ("aggregator", platform.aggregator_address, "QuoteAggregatorService"),
            ("local_quote", platform.local_quote_address, "LocalQuoteService"),
            ("external_quote", platform.external_quote_address, "ExternalQuoteService"),
        )
    ]


def _grpc_example(platform: PlatformSettings, address: str, method: str) -> str:
    """By grpcurl; where that is not there, by the `buf` that stands beside our interpreter."""
    tls = () if platform.ask_ca is None else ("-cacert", platform.ask_ca)
    if platform.ask_certificate is not None and platform.ask_key is not None:
        tls = (*tls, "-cert", platform.ask_certificate, "-key", platform.ask_key)
    shown = _header(platform, "-H")
    body = shlex.quote(json.dumps({"inputMint": _SOL, "outputMint": _USDC, "inputAmount": _ONE_SOL}))
    buf = Path(sys.executable).parent / "buf"
    if shutil.which("grpcurl") is None and buf.exists():
        options = " ".join(f"-{word}" if str(word)[0] == "-" else shlex.quote(str(word)) for word in tls)
        scheme = "https" if tls else "http"
        options = f"--protocol grpc {options or '--http2-prior-knowledge'}"
        header = f"{_header(platform, '--header')}{_header(platform, '--reflect-header')}"
        return f"{shlex.quote(str(buf))} curl {options}{header} -d {body} {scheme}://{address}/{method}"
    return f"grpcurl {shlex.join(map(str, tls)) or '-plaintext'}{shown} -d {body} {address} {method}"


def _header(platform: PlatformSettings, option: str) -> str:
    """Says who asks, by the file and not by what is in it; begins with a blank."""
    if platform.ask_token_file is None:
        return ""
    return f' {option} "Authorization: Bearer $(cat {shlex.quote(str(platform.ask_token_file))})"'


def _our_curl(platform: PlatformSettings) -> str:
    """For our own servers."""
    tls: list[object] = [] if platform.ask_ca is None else ["--cacert", platform.ask_ca]
    if platform.ask_certificate is not None and platform.ask_key is not None:
        tls += ["--cert", platform.ask_certificate, "--key", platform.ask_key]
    return " ".join([_curl(), *(shlex.quote(str(word)) for word in tls)]) + _header(platform, "-H")


def _curl() -> str:
    """Past the proxy that the environment names, to which this machine's addresses would mean its own."""
    return "curl -s --noproxy '*'" if {"http_proxy", "all_proxy", "ALL_PROXY"} & os.environ.keys() else "curl -s"


def _pasted(url: str, section: str, field: str) -> str:
    """The URL for a shell; one with more than host and port may hold a key, and is named by its variable."""
    return shlex.quote(url) if url == redacted_url(url) else f'"${environment_name(section, field)}"'


def _own_command() -> str:
    """`solquote`, or where it is when the shell does not find it."""
    beside = Path(sys.executable).parent / "solquote"
    return shlex.quote(str(beside)) if shutil.which("solquote") is None and beside.exists() else "solquote"


def _http_services(platform: PlatformSettings, places: ServicePlaces, caller: Caller) -> list[_Probe]:
    aggregator_host = platform.aggregator_address.rpartition(":")[0].strip("[]")
    aggregator = f"{caller.scheme}://{with_port(aggregator_host, places.aggregator_http_port)}"
    manager = f"{caller.scheme}://{with_port(dialled(places.manager_host), places.manager_port)}"
    quote = f"inputMint={_SOL}&outputMint={_USDC}&amount={_ONE_SOL}"
    node = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "getSlot"})
    probes = [
        _Probe(
            CallableService(
                name="aggregator",
                protocol="HTTP",
                address=aggregator,
                example=f"{_our_curl(platform)} {shlex.quote(f'{aggregator}/v1/quote?{quote}')}",
            ),
            partial(_paths, aggregator, caller),
        ),
        _Probe(
            CallableService(
                name="system_manager",
                protocol="HTTP",
                address=manager,
                example=f"{_our_curl(platform)} {manager}/api/killswitch",
                offers=MANAGER_ROUTES,
            ),
            partial(_http, f"{manager}/api/killswitch", caller),
        ),
        *(
            _Probe(
                CallableService(
                    name="node" if not platform.rpc_urls else f"node {address.number}",
                    protocol="JSON-RPC",
                    address=redacted_url(address.url),
                    example=f"{_curl()} -H 'Content-Type: application/json' -d {shlex.quote(node)} "
                    f"{_pasted(address.url, 'platform', 'rpc_urls' if platform.rpc_urls else 'rpc_url')}",
                    offers=(f"subscriptions at {redacted_url(address.ws_url)}",),
                ),
                partial(_node, address.url),
            )
            for address in platform.rpc_addresses()
        ),
    ]
    if places.jupiter_url:
        base = places.jupiter_url.rstrip("/")
        jupiter = CallableService(
            name="jupiter",
            protocol="HTTP",
            address=redacted_url(base),
            example=f"{_curl()} {_pasted(base, 'external_quote', 'jupiter_url')}{shlex.quote(f'/quote?{quote}')}",
        )
        probes.append(_Probe(jupiter, partial(_http, f"{base}/quote?{quote}")))
    return probes


def _bus(platform: PlatformSettings, places: ServicePlaces, data_dir_option: str, timeout_s: float) -> list[_Probe]:
    monitor = f"http://{places.nats_monitor}"
    return [
        _Probe(
            CallableService(
                name="nats_server",
                protocol="NATS",
                address=redacted_servers(platform.nats_url),
                example=f"{_own_command()} events stats{data_dir_option}",
            ),
            partial(_nats, platform, timeout_s),
        ),
        _Probe(
            CallableService(
                name="nats_server",
                protocol="HTTP",
                address=monitor,
                example=f"{_curl()} {shlex.quote(monitor + _STREAMS_PAGE)}",
            ),
            partial(_http, f"{monitor}/healthz"),
        ),
    ]


def _shared_memory(platform: PlatformSettings, data_dir_option: str) -> _Probe:
    directory = platform.shm_dir or default_directory()
    service = CallableService(
        name="quote files",
        protocol="shared memory",
        address=str(directory),
        example=f"{_own_command()} watch --once{data_dir_option}",
        offers=tuple(role.file_name for role in Role),
    )
    return _Probe(service, partial(_quote_files, directory))


def _metrics(urls: Mapping[str, str]) -> list[_Probe]:
    probes = []
    for name, url in urls.items():
        service = CallableService(name=name, protocol="Prometheus", address=url, example=f"{_curl()} {url}")
        probes.append(_Probe(service, partial(_http, url)))
    return probes


async def _grpc_methods(address: str, caller: Caller) -> Sequence[str]:
    """Every method, with what streams, as reflection tells."""
    async with open_channel(address, caller) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest
        (listed,) = await _reflected(stub, [request(list_services="")])
        names = [one.name for one in listed.list_services_response.service if not one.name.startswith(_OWN_OF_GRPC)]
        answers = await _reflected(stub, [request(file_containing_symbol=name) for name in names])
    methods = []
    for name, answer in zip(names, answers, strict=True):
        for raw in answer.file_descriptor_response.file_descriptor_proto:
            file = descriptor_pb2.FileDescriptorProto.FromString(raw)
            for service in file.service:
                if f"{file.package}.{service.name}" == name:
                    methods += [f"{name}/{one.name}{' (stream)' * one.server_streaming}" for one in service.method]
    return methods


async def _reflected(stub: Any, requests: Sequence[Any]) -> list[Any]:
    return [answer async for answer in stub.ServerReflectionInfo(iter(requests))]


async def _paths(base: str, caller: Caller) -> Sequence[str]:
    """What the OpenAPI document has, and the pages beside it."""
    document = await _json(f"{base}/openapi.json", caller)
    paths: Mapping[str, Mapping[str, object]] = document.get("paths", {})
    calls = [f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs]
    pages = [f"GET {page}" for page in ("/docs", "/swagger", "/openapi.json") if f"GET {page}" not in calls]
    return [*calls, *pages]


async def _http(url: str, caller: Caller | None = None) -> Sequence[str]:
    status, _ = await http_answer(url, caller=caller)
    if status != HTTPStatus.OK:
        raise _NoAnswer(f"answers with HTTP {status}")
    return ()


async def _json(url: str, caller: Caller) -> dict[str, Any]:
    status, body = await http_answer(url, caller=caller)
    content = json.loads(body)
    if status != HTTPStatus.OK or not isinstance(content, dict):
        raise _NoAnswer(f"answers with HTTP {status}")
    return content


async def _node(url: str) -> Sequence[str]:
    _, body = await http_answer(url, json.dumps({"jsonrpc": "2.0", "id": 1, "method": "getHealth"}).encode())
    content = json.loads(body)
    if not isinstance(content, dict) or content.get("result") != "ok":
        raise _NoAnswer("answers, and is not healthy")
    return ()


async def _nats(platform: PlatformSettings, timeout_s: float) -> Sequence[str]:
    access = access_of(platform, BusRole.OPERATOR)
    async with open_once(platform.nats_url, access, name="solquote services", timeout_s=timeout_s):
        return ()


async def _quote_files(directory: Path) -> Sequence[str]:
    with QuoteReader.open(directory) as reader:
        states = {role.file_name: reader.liveness(role).value for role in Role}
    if set(states.values()) != {"live"}:
        raise _NoAnswer(", ".join(f"{name}: writer {state}" for name, state in states.items()))
    return ()
