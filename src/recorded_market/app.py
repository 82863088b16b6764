"""Wires the recorded market together and runs it until it is told to stop."""

import asyncio
import signal
from contextlib import AsyncExitStack
from importlib.metadata import version

from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.settings import PlatformSettings
from quote_core.telemetry import Readiness, start_logs
from quote_core.tokens import load_tokens
from recorded_market.faults import FaultPlan
from recorded_market.genesis import make_genesis
from recorded_market.jupiter_server import JupiterServer
from recorded_market.market import Market
from recorded_market.node import Node
from recorded_market.rate_window import RateWindow
from recorded_market.recording import load_recording
from recorded_market.rpc_methods import RpcMethods
from recorded_market.settings import RecordedMarketSettings
from recorded_market.subscriptions import SubscriptionHub
from recorded_market.ticker import Ticker

__all__ = ["main", "run"]


async def run(platform: PlatformSettings, settings: RecordedMarketSettings, *, clock: Clock = SYSTEM_CLOCK) -> None:
    """Serve the market until SIGTERM or SIGINT.

    Raises:
        OSError: A port is taken.
    """
    log = start_logs("recorded_market", platform.log_level)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    tokens = load_tokens(platform.tokens_path)
    market = Market(make_genesis(load_recording(), tokens, seed=settings.seed))
    node_version = f"{version('solquote')}-recorded"
    hub = SubscriptionHub(version=node_version)
    methods = RpcMethods(market.ledger, market.provenance, version=node_version)
    node = Node(methods.call, hub, _rpc_faults(settings))
    jupiter = JupiterServer(
        lambda: (market.clock, market.tradable_pools()),
        middle_mint=tokens.resolve("SOL", field="jupiter").mint,
        rate=RateWindow(settings.jupiter_requests_per_minute),
        faults=_jupiter_faults(settings),
        clock=clock,
    )
    ticker = Ticker(market, hub, clock=clock, slot_time_ns=settings.slot_time)
    async with AsyncExitStack() as stack:
        readiness = Readiness()
        stack.callback(readiness.close)
        stack.push_async_callback(node.stop)
        await node.start(platform.host, settings.rpc_port)
        stack.push_async_callback(jupiter.stop)
        await jupiter.start(platform.host, settings.jupiter_port)
        log.info(
            "serving", rpc=node.rpc_port, websocket=node.websocket_port, jupiter=jupiter.port, slot=market.clock.slot
        )
        readiness.ready(_status(market, node))
        await ticker.run(stop, after_slot=lambda: readiness.status(_status(market, node)))
        readiness.stopping()
    log.info("stopped", slot=market.clock.slot, slow_clients_cut=node.counters.slow_clients_cut)


def _rpc_faults(settings: RecordedMarketSettings) -> FaultPlan:
    return FaultPlan(
        latency_ns=settings.rpc_latency, failure_fraction=settings.rpc_failure_fraction, seed=settings.seed
    )


def _jupiter_faults(settings: RecordedMarketSettings) -> FaultPlan:
    return FaultPlan(
        latency_ns=settings.jupiter_latency, failure_fraction=settings.jupiter_failure_fraction, seed=settings.seed
    )


def _status(market: Market, node: Node) -> str:
    moved = f"{len(market.tradable_pools())} pools, {market.swap_count} swaps"
    return f"slot {market.clock.slot}, {moved}, {node.websocket_count} listeners"


def main() -> None:
    """Run with the settings of file and environment."""
    asyncio.run(run(PlatformSettings.load(), RecordedMarketSettings.load()))
