"""Whether trading is allowed: pushed, latched, fail-closed."""

from pipeline.trading_gate.gate import TradingGate
from pipeline.trading_gate.state import Decision, GateView, Switch
from quote_core.events import TradingState

__all__ = ["Decision", "GateView", "Switch", "TradingGate", "TradingState"]
