"""What a trading process tells of its gate."""

from collections.abc import Iterator
from typing import Final

from pipeline.trading_gate.gate import TradingGate
from quote_core.events import TradingState
from quote_core.telemetry.metrics import Catalogue, MetricSource, Sample
from quote_core.units import NS_PER_S

__all__ = ["GATE_METRICS", "gate_source"]

GATE_METRICS: Final = Catalogue("Trading gate")
_STATE = GATE_METRICS.gauge("solquote_trading_gate_state", "1 for the state that this process is in", "state")
_SILENCE = GATE_METRICS.gauge(
    "solquote_trading_gate_silence_seconds",
    "Since the system manager last vouched for what is latched; no value when it has not since the bus was lost",
)


def gate_source(gate: TradingGate) -> MetricSource:
    """A gate."""
    return MetricSource(GATE_METRICS, lambda: _samples(gate))


def _samples(gate: TradingGate) -> Iterator[Sample]:
    now = gate.state
    for state in TradingState:
        yield _STATE.of(state is now, state.name.lower())
    silence_ns = gate.silence_ns
    if silence_ns is not None:
        yield _SILENCE.of(silence_ns / NS_PER_S)
