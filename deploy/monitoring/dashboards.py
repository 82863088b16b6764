"""All dashboards, in the order in which somebody looks at them."""

from typing import Final

from machine_dashboards import NATS, OVERVIEW, SYSTEM
from market_dashboards import CONFIDENCE, PROVIDERS, QUOTES, REFRESH, RPC, SHARED_MEMORY
from panels import Dashboard
from trading_dashboards import PIPELINE, PNL

__all__ = ["DASHBOARDS"]

DASHBOARDS: Final[tuple[Dashboard, ...]] = (
    OVERVIEW,
    QUOTES,
    CONFIDENCE,
    SHARED_MEMORY,
    REFRESH,
    PIPELINE,
    PNL,
    PROVIDERS,
    RPC,
    NATS,
    SYSTEM,
)
