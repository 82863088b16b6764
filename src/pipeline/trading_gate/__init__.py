"""Whether trading is allowed: pushed, latched, fail-closed."""

from pipeline.trading_gate.gate import TradingGate
from pipeline.trading_gate.state import Decision, GateView, Heartbeat, Reading, Switch
from quote_core.events import TradingState

__all__ = ["Decision", "GateView", "Heartbeat", "Reading", "Switch", "TradingGate", "TradingState"]
