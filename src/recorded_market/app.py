"""Wires the recorded market together and runs it until it is told to stop."""

import asyncio
import signal
from contextlib import AsyncExitStack
from importlib.metadata import version

from quote_core.clock import SYSTEM_CLOCK, Clock
from quote_core.settings import PlatformSettings
from quote_core.telemetry import Readiness, start_logs
from quote_core.tokens import load_tokens
from recorded_market.genesis import make_genesis
from recorded_market.market import Market
from recorded_market.node import Node
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
    node_version = f"{version('solquote')}-recorded"
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    market = Market(make_genesis(load_recording(), load_tokens(platform.tokens_path), seed=settings.seed))
    hub = SubscriptionHub(version=node_version)
    node = Node(RpcMethods(market.ledger, market.provenance, version=node_version).call, hub)
    async with AsyncExitStack() as stack:
        readiness = Readiness()
        stack.callback(readiness.close)
        await node.start(platform.host, settings.rpc_port)
        stack.push_async_callback(node.stop)
        ticker = Ticker(market, hub, clock=clock, slot_time_ns=settings.slot_time)
        log.info("serving", rpc_port=node.rpc_port, websocket_port=node.websocket_port, slot=market.clock.slot)
        readiness.ready(_status(market, node))
        await ticker.run(stop, after_slot=lambda: readiness.status(_status(market, node)))
        readiness.stopping()
    log.info("stopped", slot=market.clock.slot)


def _status(market: Market, node: Node) -> str:
    moved = f"{market.pool_count} pools, {market.swap_count} swaps"
    return f"slot {market.clock.slot}, {moved}, {node.websocket_count} listeners"


def main() -> None:
    """Run with the settings of file and environment."""
    asyncio.run(run(PlatformSettings.load(), RecordedMarketSettings.load()))
