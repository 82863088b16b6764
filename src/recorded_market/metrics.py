"""What the recorded market tells Prometheus: how it moves, and who listens."""

from collections.abc import Iterator
from typing import Final

from quote_core.process import PROCESS_METRICS
from quote_core.serving.metrics import HTTP_METRICS
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from recorded_market.jupiter_server import JupiterServer
from recorded_market.market import Market
from recorded_market.node import Node

__all__ = ["CATALOGUES", "market_source"]

_OWN: Final = Catalogue("Recorded market")
_SLOT = _OWN.gauge("solquote_recorded_market_slot", "The slot it is at")
_POOLS = _OWN.gauge("solquote_recorded_market_pools", "Pools that can be traded on")
_SWAPS = _OWN.counter("solquote_recorded_market_swaps_total", "Swaps made")
_WEBSOCKETS = _OWN.gauge("solquote_recorded_market_websocket_clients", "WebSocket clients connected")
_CUT = _OWN.counter("solquote_recorded_market_slow_clients_cut_total", "WebSocket clients that did not keep up")
_LIMITED = _OWN.counter("solquote_recorded_market_jupiter_limited_total", "Requests the stand-in answered with 429")

CATALOGUES: Final = (PROCESS_METRICS, HTTP_METRICS, _OWN)


def market_source(market: Market, node: Node, jupiter: JupiterServer) -> MetricSource:
    """Everything but requests."""
    return MetricSource(_OWN, lambda: _samples(market, node, jupiter))


def _samples(market: Market, node: Node, jupiter: JupiterServer) -> Iterator[Sample]:
    yield _SLOT.of(market.clock.slot)
    yield _POOLS.of(len(market.tradable_pools()))
    yield _SWAPS.of(market.swap_count)
    yield _WEBSOCKETS.of(node.websocket_count)
    yield _CUT.of(node.counters.slow_clients_cut)
    yield _LIMITED.of(jupiter.limited_count)
