"""The edge to a Solana node: JSON-RPC over HTTP, account subscriptions over WebSocket.

`codec` and `feed_protocol` hold what is worth arguing about and do no I/O; `rpc` and `feed` move the bytes.
"""

from quote_core.solana.accounts import AccountUpdate, FoundAccount, PartlyRead, UpdateSource
from quote_core.solana.feed import AccountFeed, FeedEvents
from quote_core.solana.feed_protocol import FeedCounts
from quote_core.solana.rpc import RpcClient
from quote_core.solana.session import open_session
from quote_core.solana.sysvar import CLOCK_SYSVAR, decode_clock

__all__ = [
    "CLOCK_SYSVAR",
    "AccountFeed",
    "AccountUpdate",
    "FeedCounts",
    "FeedEvents",
    "FoundAccount",
    "PartlyRead",
    "RpcClient",
    "UpdateSource",
    "decode_clock",
    "open_session",
]
