"""Whether trading is allowed: pushed, latched, fail-closed."""

from pipeline.trading_gate.gate import TradeGate, TradingGate
from pipeline.trading_gate.state import GateDecision, GateView, Heartbeat, LatchReading, SwitchState
from quote_core.events import TradingState

__all__ = [
    "GateDecision",
    "GateView",
    "Heartbeat",
    "LatchReading",
    "SwitchState",
    "TradeGate",
    "TradingGate",
    "TradingState",
]
