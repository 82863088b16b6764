"""Wires the recorded market together and runs it until it is told to stop."""

import asyncio
from contextlib import AsyncExitStack
from importlib.metadata import version

import structlog

from quote_core.addresses import warn_if_open
from quote_core.clock import SYSTEM_CLOCK
from quote_core.health import Condition
from quote_core.process import run_process, work_until_told
from quote_core.serving import CallCounter
from quote_core.serving.metrics import http_source
from quote_core.settings import PlatformSettings, environment_name
from quote_core.telemetry.metrics import MetricsPage
from quote_core.tokens import load_tokens
from recorded_market.continuation import SlotFile, continue_market, genesis_hash
from recorded_market.faults import FaultPlan, RequestedFaults
from recorded_market.genesis import make_genesis
from recorded_market.jupiter_server import JupiterServer
from recorded_market.market import Market
from recorded_market.metrics import market_source
from recorded_market.node import Node
from recorded_market.rate_window import RateWindow
from recorded_market.recording import load_recording
from recorded_market.rehearsals import Rehearsals
from recorded_market.rpc_methods import RpcMethods
from recorded_market.settings import RecordedMarketSettings
from recorded_market.subscriptions import SubscriptionHub
from recorded_market.ticker import Ticker

__all__ = ["main", "run"]


async def run(platform: PlatformSettings, settings: RecordedMarketSettings, stop: asyncio.Event) -> None:
    """Serve the market until `stop` is set.

    Raises:
        ProviderUnavailable: A port cannot be bound.
    """
    clock = SYSTEM_CLOCK
    log: structlog.stdlib.BoundLogger = structlog.get_logger()
    tokens = load_tokens(platform.tokens_path)
    recording = load_recording()
    slot_file = SlotFile(settings.slot_file)
    market = continue_market(
        lambda slot_min: make_genesis(recording, tokens, seed=settings.seed, slot_min=slot_min), slot=slot_file.read()
    )
    node_version = f"{version('solquote')}-recorded"
    hub = SubscriptionHub(version=node_version)
    methods = RpcMethods(
        market.ledger,
        market.provenance,
        version=node_version,
        genesis_hash=genesis_hash(
            seed=settings.seed,
            started_unix_ns=None if settings.slot_file is not None else clock.unix_ns(),
        ),
    )
    ticker = Ticker(market, hub, clock=clock, slot_time_ns=settings.slot_time, on_slot=slot_file.write)
    calls, requested_faults = CallCounter(), RequestedFaults()
    rehearsals = Rehearsals(
        methods.call,
        begin_fork=market.begin_fork,
        lag_by=ticker.lag_by,
        faults=requested_faults,
        swaps=market.requested,
        first_slot=market.clock.slot,
    )
    node = Node(
        rehearsals.call if settings.rpc_rehearsals else methods.call,
        hub,
        _rpc_faults(settings),
        websocket_life_ns=settings.websocket_life,
        calls=calls,
        requested_faults=requested_faults,
    )
    jupiter = JupiterServer(
        lambda: (market.clock, market.tradable_pools()),
        provenance=market.provenance,
        middle_mint=tokens.resolve("SOL", field="jupiter").mint,
        rate=RateWindow(settings.jupiter_requests_per_minute),
        faults=_jupiter_faults(settings),
        clock=clock,
        calls=calls,
    )
    async with AsyncExitStack() as stack:
        stack.enter_context(slot_file)
        stack.push_async_callback(node.stop)
        await node.start(settings.rpc_host, settings.rpc_port)
        warn_if_open(
            settings.rpc_host, node.rpc_port, what="the node", variable=environment_name("recorded_market", "rpc_host")
        )
        stack.push_async_callback(jupiter.stop)
        await jupiter.start(settings.jupiter_host, settings.jupiter_port)
        warn_if_open(
            settings.jupiter_host,
            jupiter.port,
            what="the Jupiter stand-in",
            variable=environment_name("recorded_market", "jupiter_host"),
        )
        log.info(
            "serving", rpc=node.rpc_port, websocket=node.websocket_port, jupiter=jupiter.port, slot=market.clock.slot
        )
        await work_until_told(
            ticker.run(),
            stop=stop,
            condition=lambda: _condition(market, node),
            metrics=MetricsPage(settings, http_source(calls), market_source(market, node, jupiter)),
        )
    log.info(
        "stopped",
        slot=market.clock.slot,
        requests=node.counters.requests,
        websockets=node.counters.websockets,
        slow_clients_cut=node.counters.slow_clients_cut,
        quotes=jupiter.request_count,
        quotes_limited=jupiter.limited_count,
    )


def _rpc_faults(settings: RecordedMarketSettings) -> FaultPlan:
    return FaultPlan(
        latency_ns=settings.rpc_latency, failure_fraction=settings.rpc_failure_fraction, seed=settings.seed
    )


def _jupiter_faults(settings: RecordedMarketSettings) -> FaultPlan:
    return FaultPlan(
        latency_ns=settings.jupiter_latency, failure_fraction=settings.jupiter_failure_fraction, seed=settings.seed
    )


def _condition(market: Market, node: Node) -> Condition:
    """Ready from the start: the first slot is there before the ports are."""
    moved = f"{len(market.tradable_pools())} pools, {market.swap_count} swaps"
    listeners = f"{node.websocket_count} listeners, {node.counters.slow_clients_cut} cut off"
    return Condition(is_ready=True, line=f"slot {market.clock.slot}, {moved}, {listeners}")


def main() -> None:
    """Run with the settings of file and environment."""
    run_process("recorded_market", RecordedMarketSettings, run)
