"""What the routes of the HTTP API ask of who asks, where the settings ask anything; those not here ask for `read`."""

from collections.abc import Mapping
from typing import Final

from aggregator.swagger.server import swagger_routes
from quote_core.access.scopes import Scope
from quote_core.web.admission import OPEN, Ask

__all__ = ["ASKS"]

_OF_THE_PAGE: Final = Ask(needs=Scope.ADMIN, by_browser=True, is_told=False)

ASKS: Final[Mapping[str, Ask]] = {
    # Who balances, restarts or writes a client knows no token, and learns nothing of the market here.
    "GET /v1/health": OPEN,
    "GET /openapi.json": OPEN,
    "GET /docs": OPEN,
    **dict.fromkeys((f"GET {route.path}" for route in swagger_routes()), OPEN),
    # The page shows logs and settings: the operator's side of the platform, and not a client's.
    "GET /": _OF_THE_PAGE,
    "GET /page/{name}": _OF_THE_PAGE,
    "GET /page/live": Ask(needs=Scope.ADMIN, by_browser=True, is_lasting=True),
    "POST /page/switch": Ask(needs=Scope.ADMIN, by_browser=True, is_counted=False),
}
