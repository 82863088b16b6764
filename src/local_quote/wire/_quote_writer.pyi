"""`LocalQuote` and `LocalQuoteBatch` in the protobuf wire format; numbers are unsigned, of 64 bits (rows: 32)."""

def write_body(
    mints: bytes,
    pool: bytes,
    hop: bytes,
    fee: bytes,
    amount_in: int,
    amount_out: int,
    impact: float,
    version: int,
    quoted_unix_ns: int,
    depth: int,
) -> bytes:
    """What changes only with the version.

    Args:
        mints: The fields that depend on the direction alone, encoded.
        pool: Those that depend on direction and pool, encoded.
        hop: The fields of the one hop without its amounts and fee, encoded.
        fee: The hop's fee fields, encoded; empty where the fee is not known.
        amount_in: Also the hop's.
        amount_out: Also the hop's.
        impact: Fraction.
        version: Of the row.
        quoted_unix_ns: Wall clock.
        depth: Input that moves the price by 1 %.
    """

def write_tail(
    pool_age_ms: int,
    cache_age_ms: int,
    is_stale: bool,
    vouched_slot: int,
    vouched_mono_ns: int,
    vouched_unix_ns: int,
    boot_id: int,
    changed_slot: int,
    changed_unix_ns: int,
    chain_unix_s: int,
    has_oracle: bool,
    oracle_price: float,
    deviation_percent: float,
) -> bytes:
    """What changes with time; both oracle fields are left out without `has_oracle`."""

def write_row(row: int) -> bytes:
    """The subscriber's own number of a quote."""

def write_batch(bodies: list[bytes], tails: list[bytes], rows: list[int], sequence: int, snapshot: bool) -> bytes:
    """A `LocalQuoteBatch`; element i of the lists is one quote.

    Raises:
        ValueError: The lists are not of one length.
    """
