"""What keeps a caller polite and alive: rate limit and its sharing, breaker, retry within a deadline, health window.

Each gets its clock through the constructor. Retry is tenacity's; the others are our own because no kept library
offers what is asked: a reservation of several tokens that fails at once and says how long to wait (aiolimiter only
waits), and a breaker and a window on a given clock (the common ones read the system's).
"""

from quote_core.resilience.backoff import Backoff
from quote_core.resilience.breaker import BreakerState, CircuitBreaker
from quote_core.resilience.fair_share import FairShare, Party
from quote_core.resilience.pause import Pause
from quote_core.resilience.rate_limit import RateLimiter
from quote_core.resilience.retry import retry_within
from quote_core.resilience.window import HealthWindow, WindowFigures

__all__ = [
    "Backoff",
    "BreakerState",
    "CircuitBreaker",
    "FairShare",
    "HealthWindow",
    "Party",
    "Pause",
    "RateLimiter",
    "WindowFigures",
    "retry_within",
]
