"""The edge to a Solana node: JSON-RPC over HTTP, account subscriptions over WebSocket.

`codec`, `feed_protocol`, `endpoints`, `endpoint_health` and `endpoint_slots` hold what is worth arguing about and do no
I/O; `rpc`, `feed` and `endpoint_watch` move the bytes.
"""

from quote_core.solana.accounts import AccountUpdate, FoundAccount, PartlyRead, UpdateSource
from quote_core.solana.endpoint_health import EndpointState
from quote_core.solana.endpoint_watch import EndpointWatch
from quote_core.solana.endpoints import Endpoint, Endpoints
from quote_core.solana.feed import AccountFeed, FeedEvents
from quote_core.solana.feed_protocol import FeedCounts
from quote_core.solana.rpc import RpcClient
from quote_core.solana.session import open_endpoints, open_session
from quote_core.solana.sysvar import CLOCK_SYSVAR, decode_clock

__all__ = [
    "CLOCK_SYSVAR",
    "AccountFeed",
    "AccountUpdate",
    "Endpoint",
    "EndpointState",
    "EndpointWatch",
    "Endpoints",
    "FeedCounts",
    "FeedEvents",
    "FoundAccount",
    "PartlyRead",
    "RpcClient",
    "UpdateSource",
    "decode_clock",
    "open_endpoints",
    "open_session",
]
