from collections.abc import Sequence

from quote_core.units import Pubkey

def direction_prefix(input_mint: Pubkey, output_mint: Pubkey) -> bytes:
    """What all rows of a direction begin with."""

def batch_message(told: Sequence[tuple[bytes, bytes]], *, sequence: int, snapshot: bool) -> bytes:
    """A whole `BatchQuoteResponse` of rows: each one's body, and what makes it the subscriber's own."""
