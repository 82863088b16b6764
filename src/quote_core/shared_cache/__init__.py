"""What several hosts share, optionally: quotes, rates and turns to fetch, in Redis (`docs/shared-cache.md`).

`SharedCache` is the interface; `IN_PROCESS` is what there is without Redis. The client is imported where one is set.
"""

from quote_core.shared_cache.interface import IN_PROCESS, Instant, Kept, Look, News, SharedCache, Taken, Turn
from quote_core.shared_cache.metrics import SHARED_CACHE_METRICS, shared_cache_source
from quote_core.shared_cache.opening import OpenedCache, open_shared_cache

__all__ = [
    "IN_PROCESS",
    "SHARED_CACHE_METRICS",
    "Instant",
    "Kept",
    "Look",
    "News",
    "OpenedCache",
    "SharedCache",
    "Taken",
    "Turn",
    "open_shared_cache",
    "shared_cache_source",
]
