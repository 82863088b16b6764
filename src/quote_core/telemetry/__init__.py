"""How a service shows itself: structured logs, metrics, memory, and readiness told to its supervisor."""

from quote_core.telemetry.logs import start_logs
from quote_core.telemetry.memory import MemoryUse, memory_use
from quote_core.telemetry.readiness import Readiness

__all__ = ["MemoryUse", "Readiness", "memory_use", "start_logs"]
