"""How a service shows itself: structured logs, and readiness told to whoever supervises it."""

from quote_core.telemetry.logs import start_logs
from quote_core.telemetry.readiness import Readiness

__all__ = ["Readiness", "start_logs"]
