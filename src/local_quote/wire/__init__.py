"""Between protobuf and our own values: `messages` for everything, `quote_bytes` for the quotes, which are many."""

from local_quote.wire.evidence_message import evidence_to
from local_quote.wire.messages import (
    hops_from,
    oracle_prices_to,
    paired_to,
    pool_state_to,
    pools_to,
    simulation_to,
)
from local_quote.wire.quote_bytes import QuoteEncoder, ToldQuotes

__all__ = [
    "QuoteEncoder",
    "ToldQuotes",
    "evidence_to",
    "hops_from",
    "oracle_prices_to",
    "paired_to",
    "pool_state_to",
    "pools_to",
    "simulation_to",
]
