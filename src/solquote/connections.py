"""The connections `solquote doctor` tries, all at once and each with a deadline: one small real exchange apiece."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import aiohttp
import grpc
import grpc.aio
import nats.errors
from grpc_health.v1 import health_pb2, health_pb2_grpc

from quote_core.access.caller import Caller
from quote_core.access.calling import caller_of
from quote_core.addresses import redacted_servers, redacted_url
from quote_core.bus import BusRole, access_of
from quote_core.bus.client import open_once
from quote_core.channel import open_channel
from quote_core.clock import SYSTEM_CLOCK
from quote_core.rpc_addresses import RpcAddress
from quote_core.settings import PlatformSettings, SettingsError
from quote_core.shared_cache import open_shared_cache
from quote_core.solana import open_session
from quote_core.telemetry.logs import start_logs
from solquote.bus_access import is_refusal, rights_of_roles, strangers_rights, wrong_rights
from solquote.checks import DoctorFinding, DoctorVerdict
from solquote.first_slot import FirstSlot

__all__ = ["Reached", "check_connections"]


@dataclass(frozen=True, slots=True)
class Reached:
    """What a try found: one line, and what to do where it is not as it should be."""

    detail: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class _Connection:
    subject: str
    target: str
    mend: str
    attempt: Callable[[], Awaitable[Reached]]


class _NotAsExpected(Exception):
    """It answered, with something else than hoped for."""


async def check_connections(
    platform: PlatformSettings,
    first_slots: Mapping[int, FirstSlot],
    *,
    http_urls: Mapping[str, str],
    nats_monitor_url: str,
    timeout_s: float,
) -> list[DoctorFinding]:
    """Try every connection of the platform.

    Args:
        platform: Where things are.
        first_slots: By the number of the node, the tries of the WebSockets, which are under way.
        http_urls: Subject -> URL that answers 200 when all is well.
        nats_monitor_url: Base of the NATS server's monitoring port.
        timeout_s: Of each try.
    """
    start_logs("solquote", "error")
    try:
        caller = caller_of(platform)
    except SettingsError:  # which doctor tells where it looks at files
        caller = Caller()
    async with aiohttp.ClientSession() as session:
        tries = [
            *_nodes(platform.rpc_addresses(), first_slots),
            _Connection(
                "NATS",
                redacted_servers(platform.nats_url),
                "start `solquote up`, or name a server with JetStream in SOLQUOTE_NATS_URL",
                partial(_nats, platform, timeout_s),
            ),
            _Connection(
                "NATS without credentials",
                redacted_servers(platform.nats_url),
                "start `solquote up`, or name a server in SOLQUOTE_NATS_URL",
                partial(_nats_strangers, platform, timeout_s),
            ),
            _Connection(
                "NATS permissions",
                redacted_servers(platform.nats_url),
                "start `solquote up`, or name a server in SOLQUOTE_NATS_URL",
                partial(_nats_permissions, platform, timeout_s),
            ),
            _Connection(
                "JetStream",
                nats_monitor_url,
                "see that the disk has room and works; `solquote up` then starts its own server again",
                partial(_nats_health, session, nats_monitor_url),
            ),
            _Connection(
                "NATS sync_interval",
                nats_monitor_url,
                "switch the server's monitoring on, or name it with SOLQUOTE_UP_NATS_MONITOR_PORT",
                partial(_nats_sync, session, nats_monitor_url),
            ),
        ]
        for subject, address, variable in (
            ("local quote service", platform.local_quote_address, "SOLQUOTE_LOCAL_QUOTE_ADDRESS"),
            ("external quote service", platform.external_quote_address, "SOLQUOTE_EXTERNAL_QUOTE_ADDRESS"),
            ("aggregator", platform.aggregator_address, "SOLQUOTE_AGGREGATOR_ADDRESS"),
        ):
            mend = f"start it (`solquote up`), or name its address with {variable}"
            tries.append(_Connection(f"{subject} (gRPC)", address, mend, partial(_grpc, address, caller)))
        if platform.redis_url:
            tries.append(
                _Connection(
                    "Redis",
                    redacted_url(platform.redis_url),
                    "start it, or mend SOLQUOTE_REDIS_URL and its password; until then each process goes on by itself",
                    partial(_redis, platform),
                )
            )
        for subject, url in http_urls.items():
            tries.append(
                _Connection(f"{subject} (HTTP)", url, "start it (`solquote up`)", partial(_http, session, url, caller))
            )
        return list(await asyncio.gather(*(_finding(connection, timeout_s) for connection in tries)))


def _nodes(nodes: Sequence[RpcAddress], first_slots: Mapping[int, FirstSlot]) -> Iterator[_Connection]:
    """Both sides of each Solana endpoint; of several each is told by its number, in the order of the setting."""
    for node in nodes:
        number = f" {node.number}" if len(nodes) > 1 else ""
        variable, ws_variable = ("SOLQUOTE_RPC_URLS",) * 2 if number else ("SOLQUOTE_RPC_URL", "SOLQUOTE_RPC_WS_URL")
        yield _Connection(
            f"RPC node{number}",
            redacted_url(node.url),
            f"start `solquote up`, or name a node with {variable}",
            partial(_rpc, node.url),
        )
        if node.number in first_slots:
            yield _Connection(
                f"RPC WebSocket{number}",
                redacted_url(node.ws_url),
                f"start `solquote up`, or name it with {ws_variable}",
                partial(_websocket, first_slots[node.number]),
            )


async def _finding(connection: _Connection, timeout_s: float) -> DoctorFinding:
    def finding(verdict: DoctorVerdict, detail: str, mend: str) -> DoctorFinding:
        detail = f"{connection.target}: {detail}"
        return DoctorFinding(subject=connection.subject, verdict=verdict, detail=detail, mend=mend)

    try:
        async with asyncio.timeout(timeout_s):
            reached = await connection.attempt()
    except TimeoutError:
        return finding(DoctorVerdict.FAILED, f"no answer within {timeout_s:g} s", connection.mend)
    except _NotAsExpected as error:
        return finding(DoctorVerdict.FAILED, str(error), connection.mend)
    except grpc.aio.AioRpcError as error:
        return finding(DoctorVerdict.FAILED, error.code().name, connection.mend)
    except (OSError, aiohttp.ClientError, nats.errors.Error, ValueError) as error:
        return finding(DoctorVerdict.FAILED, f"cannot be reached ({type(error).__name__})", connection.mend)
    return finding(DoctorVerdict.WARNING if reached.mend else DoctorVerdict.OK, reached.detail, reached.mend)


async def _rpc(url: str) -> Reached:
    async with open_session(url) as session:
        health = await _rpc_result(session, url, "getHealth")
        version = await _rpc_result(session, url, "getVersion")
        slot = await _rpc_result(session, url, "getSlot")
    if health != "ok":
        raise _NotAsExpected(f"is not healthy: {health}")
    return Reached(f"healthy, version {version.get('solana-core', '?')}, slot {slot}")


async def _rpc_result(session: aiohttp.ClientSession, url: str, method: str) -> Any:
    async with session.post(url, json={"jsonrpc": "2.0", "id": 1, "method": method}) as response:
        answer = json.loads(await response.read())
    if not isinstance(answer, dict) or "result" not in answer:
        raise _NotAsExpected(f"{method} is answered with HTTP {response.status} and no result")
    return answer["result"]


async def _websocket(first_slot: FirstSlot) -> Reached:
    slot = await first_slot.slot()
    if slot is None:
        raise _NotAsExpected("closed before a slot arrived")
    return Reached(f"slot {slot} arrived")


async def _nats(platform: PlatformSettings, timeout_s: float) -> Reached:
    access = access_of(platform, BusRole.OPERATOR)
    try:
        async with open_once(platform.nats_url, access, name="solquote doctor", timeout_s=timeout_s) as client:
            version = client.connected_server_version
            try:
                account = await client.jetstream().account_info()
            except nats.errors.Error as error:
                raise _NotAsExpected("answers, but has no JetStream") from error
    except SettingsError as error:
        raise _NotAsExpected(str(error)) from error
    except nats.errors.Error as error:
        if is_refusal(error):
            raise _NotAsExpected(f"does not let us in with {access.credentials or 'no credentials'}") from error
        raise
    detail = f"nats-server {version.major}.{version.minor}.{version.patch}, JetStream with {account.streams} streams"
    return Reached(detail)


async def _nats_strangers(platform: PlatformSettings, timeout_s: float) -> Reached:
    rights = await strangers_rights(platform.nats_url, timeout_s=timeout_s / 2)
    if rights is None:
        return Reached("lets nobody in without credentials")
    open_to_all = wrong_rights([(BusRole.OPERATOR, rights)])
    if not open_to_all:
        return Reached("lets anybody in, who can publish nothing that is a process's own")
    return Reached(
        "lets anybody in who reaches it, and so can a release of the kill switch, a plan or a result be published",
        mend="give it users (docs/pipeline.md has their permissions), and name theirs in SOLQUOTE_NATS_CREDENTIALS",
    )


async def _nats_permissions(platform: PlatformSettings, timeout_s: float) -> Reached:
    rights, untold = await rights_of_roles(platform, timeout_s=timeout_s / 2)
    wrong = wrong_rights(rights)
    if wrong:
        mend = "give each process a user of its own with the permissions in docs/pipeline.md"
        return Reached("; ".join(wrong), mend=mend)
    if untold:
        return Reached("not told for " + "; ".join(untold), mend="see that each process's credentials are there")
    return Reached(f"{len(rights)} users, each may publish what is its own")


async def _nats_health(session: aiohttp.ClientSession, monitor_url: str) -> Reached:
    async with session.get(f"{monitor_url}/healthz") as response:
        answer = json.loads(await response.read())
    if response.status != HTTPStatus.OK:
        raise _NotAsExpected(f"does not take messages: {answer.get('error') or answer.get('status')}")
    return Reached("every stream takes messages")


async def _nats_sync(session: aiohttp.ClientSession, monitor_url: str) -> Reached:
    async with session.get(f"{monitor_url}/jsz") as response:
        config = json.loads(await response.read()).get("config", {})
    if config.get("sync_always"):
        return Reached("always: every acknowledged message is on the disk")
    interval_s = config.get("sync_interval", 0) / 1e9
    return Reached(
        f"every {interval_s:g} s: a power failure can lose acknowledged messages",
        mend="put `sync_interval: always` into the server's jetstream block",
    )


async def _redis(platform: PlatformSettings) -> Reached:
    try:
        async with open_shared_cache(platform, buckets=(), value_keep_ns=0, clock=SYSTEM_CLOCK) as opened:
            redis = opened.redis
            assert redis is not None
            await redis.beat()
            if not redis.is_up:
                raise _NotAsExpected(redis.why_down)
            return Reached(f"runs scripts and takes keys below {platform.redis_prefix}:")
    except SettingsError as error:
        raise _NotAsExpected(str(error)) from error


async def _grpc(address: str, caller: Caller) -> Reached:
    async with open_channel(address, caller) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise _NotAsExpected("reached, and says that it is not serving")
    return Reached("serving")


async def _http(session: aiohttp.ClientSession, url: str, caller: Caller) -> Reached:
    async with session.get(url, headers=caller.headers(), ssl=caller.context or True) as response:
        if response.status != 200:
            raise _NotAsExpected(f"answers with HTTP {response.status}")
    return Reached("answers")
