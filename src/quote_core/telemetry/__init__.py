"""How a service shows itself: structured logs, the memory it has left, and readiness told to its supervisor."""
