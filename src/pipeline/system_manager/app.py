"""Composition of the system manager."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from pipeline.system_manager.checkpoint import CheckpointFile
from pipeline.system_manager.http_api import make_application
from pipeline.system_manager.latch import Latch
from pipeline.system_manager.manager import Manager
from pipeline.system_manager.metrics import switch_source
from pipeline.system_manager.quote_watch import QuoteWatch
from pipeline.system_manager.registration import Registration, hold_name, where
from pipeline.system_manager.rules import Rules
from pipeline.system_manager.settings import SystemManagerSettings
from pipeline.system_manager.token import known_token
from pipeline.system_manager.witness import WitnessFile
from pipeline.wire import health_of
from quote_core.access.calling import caller_of
from quote_core.access.control import AccessControl
from quote_core.access.exposure import check_exposure
from quote_core.addresses import warn_if_open
from quote_core.bus import Bus, BusRole, connect_as
from quote_core.bus.metrics import bus_source
from quote_core.clock import SYSTEM_CLOCK
from quote_core.health import Condition
from quote_core.process import work_until_told
from quote_core.serving import CallCounter, open_channel, serve_http
from quote_core.serving.metrics import http_source
from quote_core.settings import PlatformSettings, SettingsError, environment_name
from quote_core.solana import RpcClient, open_endpoints
from quote_core.solana.metrics import rpc_source
from quote_core.telemetry.metrics import MetricsPage

__all__ = ["run"]

WITNESS_NAME: Final = "kill-switch.latched"
NAME_NAME: Final = "kill-switch.manager"
CHECKPOINT_NAME: Final = "kill-switch.checkpoint"


async def run(platform: PlatformSettings, settings: SystemManagerSettings, stop: asyncio.Event) -> None:
    """Run until told to stop."""
    if 2 * settings.heartbeat_interval > platform.manager_silence_max:
        raise SettingsError(
            ["heartbeat_interval: must be at most half of manager_silence_max, or gates close by chance"]
        )
    with hold_name(platform.data_folder() / NAME_NAME) as name:
        await _run(platform, settings, name, stop)


async def _run(platform: PlatformSettings, settings: SystemManagerSettings, name: str, stop: asyncio.Event) -> None:
    variable = environment_name("system_manager", "http_host")
    check_exposure(platform, settings.http_host, variable=variable)
    access = AccessControl(platform, own=partial(known_token, settings.token_path(platform)))
    caller = caller_of(platform)
    latch = Latch(
        clock=SYSTEM_CLOCK,
        witness=WitnessFile(platform.data_folder() / WITNESS_NAME),
        restate_after_ns=settings.restate_after,
    )
    manager = Manager(
        Rules(settings.limits(platform), since_unix_ns=SYSTEM_CLOCK.unix_ns()),
        latch,
        Registration(
            name,
            takes_over=settings.takes_over,
            where=where(platform.data_folder()),
            clock=SYSTEM_CLOCK,
            restate_after_ns=settings.restate_after,
        ),
        CheckpointFile(platform.data_folder() / CHECKPOINT_NAME),
        clock=SYSTEM_CLOCK,
        heartbeat_interval_ns=settings.heartbeat_interval,
        rate_window_ns=settings.rate_window,
    )

    calls = CallCounter()
    used: Bus | None = None
    metrics = MetricsPage(settings, http_source(calls), bus_source(lambda: used), switch_source(manager))

    async def work() -> None:
        nonlocal used
        async with AsyncExitStack() as stack:
            stack.enter_context(access.heeding_hangup(settings))
            application = make_application(manager, access)
            await stack.enter_async_context(
                serve_http(application, host=settings.http_host, port=settings.http_port, calls=calls, access=access)
            )
            warn_if_open(
                settings.http_host,
                settings.http_port,
                what="the kill switch's API",
                variable=variable,
            )
            used = bus = await stack.enter_async_context(connect_as(BusRole.SYSTEM_MANAGER, platform))
            rpc = await stack.enter_async_context(_node(platform, settings))
            metrics.add(rpc_source(rpc.endpoints))
            async with asyncio.TaskGroup() as tasks:
                for service, address in _quote_services(platform).items():
                    channel = await stack.enter_async_context(open_channel(address, caller))
                    watch = QuoteWatch(
                        service,
                        health=partial(health_of, channel, service, timeout_s=settings.quote_watch_interval / 1e9),
                        chain_slot=rpc.get_slot if service == "local_quote" else None,
                        publish=bus.publish,
                        clock=SYSTEM_CLOCK,
                        interval_ns=settings.quote_watch_interval,
                    )
                    tasks.create_task(watch.run())
                await manager.run(bus)

    await work_until_told(work(), stop=stop, condition=lambda: _condition(manager), metrics=metrics)


def _quote_services(platform: PlatformSettings) -> Mapping[str, str]:
    return {
        "local_quote": platform.local_quote_address,
        "external_quote": platform.external_quote_address,
        "aggregator": platform.aggregator_address,
    }


def _condition(manager: Manager) -> Condition:
    held = manager.held
    if manager.finding or held is None:
        return Condition(is_ready=False, line=manager.finding)
    return Condition(is_ready=True, line=f"{held.state.name}, revision {held.revision}: {held.reason}")


@contextlib.asynccontextmanager
async def _node(platform: PlatformSettings, settings: SystemManagerSettings) -> AsyncIterator[RpcClient]:
    async with open_endpoints(
        platform.rpc_addresses(), clock=SYSTEM_CLOCK, lag_slots_max=platform.rpc_slot_lag_max
    ) as endpoints:
        yield RpcClient(
            endpoints=endpoints,
            clock=SYSTEM_CLOCK,
            timeout_ms=settings.quote_watch_interval // 1_000_000,
            failover_after_ms=platform.rpc_failover_after // 1_000_000,
            attempt_count_max=1,  # a failure is what the watch wants to know
        )
