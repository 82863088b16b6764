"""How a service shows itself: structured logs, metrics, memory, and readiness told to its supervisor."""
