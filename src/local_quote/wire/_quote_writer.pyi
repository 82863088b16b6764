"""Quotes in the protobuf wire format; numbers are unsigned, of 64 bits (rows: 32)."""

from collections.abc import Iterable, Mapping, Sequence

from local_quote.quote_rows import QuoteRows

def write_common(
    constant: bytes,
    depth: int,
    pool_age_ms: int,
    is_stale: bool,
    vouched_slot: int,
    vouched_mono_ns: int,
    vouched_unix_ns: int,
    boot_id: int,
    changed_slot: int,
    changed_unix_ns: int,
    chain_unix_s: int,
    oracle_price: float | None,
    /,
) -> bytes:
    """What all quotes of one direction of one pool have in common at one moment, as fields of `LocalQuote`.

    Args:
        constant: What never changes of it, encoded.
        depth: Input that moves the price by 1 %.
        pool_age_ms: Since the pool was vouched for.
        is_stale: As of now.
        vouched_slot: Of the pool's `Freshness`, like the next five.
        vouched_mono_ns: CLOCK_MONOTONIC.
        vouched_unix_ns: Wall clock of the same.
        boot_id: Whose CLOCK_MONOTONIC.
        changed_slot: 0 = not known.
        changed_unix_ns: Wall clock; 0 = not known.
        chain_unix_s: The chain's own time; 0 = not known.
        oracle_price: Whole output tokens per whole input token; None leaves the field out.
    """

def write_quote(
    common: bytes,
    hop: bytes,
    fee: bytes,
    oracle_price: float | None,
    scale: float,
    amount_in: int,
    amount_out: int,
    impact: float,
    version: int,
    quoted_unix_ns: int,
    quoted_mono_ns: int,
    now_mono_ns: int,
    /,
) -> bytes:
    """One `LocalQuote`, without a row number.

    Args:
        common: See `write_common`.
        hop: The fields of the one hop without its amounts and fee, encoded.
        fee: The hop's fee fields, encoded; empty where the fee is not known.
        oracle_price: As in `common`; None leaves the deviation from it out.
        scale: What makes a rate of smallest units one of whole tokens.
        amount_in: Also the hop's.
        amount_out: Also the hop's.
        impact: Fraction.
        version: Of the row.
        quoted_unix_ns: Wall clock.
        quoted_mono_ns: CLOCK_MONOTONIC of the same.
        now_mono_ns: When it is sent.
    """

class ToldQuotes:
    """What rows say now, to be told to one subscriber by its own numbers; the rows may not change while it is used.

    `offers` are the numbers of the offers that the rows rest on, `unquoted` the rows that rest on none: `fill` says of
    both what is to be written.
    """

    offers: list[int]
    unquoted: list[int]

    def __init__(
        self,
        rows: QuoteRows,
        labels: Mapping[int, tuple[int, ...]],
        told: Iterable[int],
        refused: Sequence[tuple[bytes, int]],
    ) -> None:
        """Gather.

        Args:
            rows: All rows.
            labels: The subscriber's numbers of each row.
            told: Those to be told.
            refused: Further refusals, each with the subscriber's number, which come first.
        """

    def __len__(self) -> int: ...
    def fill(
        self, parts: Sequence[tuple[bytes, bytes, float | None, float]], refusals: Sequence[bytes], now_mono_ns: int
    ) -> None:
        """Say what is common, once and before anything is written.

        Args:
            parts: For every offer `common`, `hop`, `oracle_price` and `scale` as `write_quote` takes them.
            refusals: For every unquoted row its encoded refusal.
            now_mono_ns: When they are sent.

        Raises:
            ValueError: Not one for every one.
        """

    def messages(self) -> list[bytes]:
        """One `LocalQuote` each."""

    def batches(self, *, count_max: int, sequence: int, snapshot: bool) -> list[bytes]:
        """As `LocalQuoteBatch` messages of at most `count_max` quotes, numbered from `sequence`."""

    def columns(self, *, count_max: int, sequence: int, snapshot: bool) -> list[bytes]:
        """As `LocalQuoteColumns` messages of at most `count_max` quotes, numbered from `sequence`."""
