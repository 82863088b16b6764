"""Quotes in the protobuf wire format; numbers are unsigned, of 64 bits (rows: 32)."""

from collections.abc import Iterable, Mapping, Sequence

from local_quote.pool_entry import PoolEntry
from local_quote.quote_rows import QuoteRows

def write_common(
    constant: bytes,
    depth: int,
    entries: tuple[PoolEntry, ...],
    now_mono_ns: int,
    stale_after_ns: int,
    oracle_price: float | None,
    /,
) -> bytes:
    """What all quotes of one direction of one pool, or chain, have in common at one moment, as fields of `LocalQuote`.

    Args:
        constant: What never changes of it, encoded.
        depth: Input that moves the price by 1 %.
        entries: The pools: the age and freshness of the one vouched for least lately are told, the lowest slot, and
            whether any is stale.
        now_mono_ns: CLOCK_MONOTONIC.
        stale_after_ns: From what age on it counts as stale.
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

def write_chain_quote(
    common: bytes,
    hops: tuple[bytes, ...],
    amounts: tuple[int, ...],
    oracle_price: float | None,
    scale: float,
    impact: float,
    version: int,
    quoted_unix_ns: int,
    quoted_mono_ns: int,
    now_mono_ns: int,
    /,
) -> bytes:
    """One `LocalQuote` through several pools, without a row number and without fees.

    Args:
        common: See `write_common`.
        hops: The fields of every hop without its amounts, encoded.
        amounts: What goes into the first, between each two, and what comes out of the last; smallest units.
        oracle_price: As in `common`; None leaves the deviation from it out.
        scale: What makes a rate of smallest units one of whole tokens.
        impact: Fraction.
        version: Of the row.
        quoted_unix_ns: Wall clock.
        quoted_mono_ns: CLOCK_MONOTONIC of the same.
        now_mono_ns: When it is sent.

    Raises:
        ValueError: Not one amount more than hops.
    """

class ToldQuotes:
    """What rows say now, to be told to one subscriber by its own numbers; the rows may not change while it is used.

    `offers` are the numbers of the pools' offers that the rows rest on, `apart` the rows that rest on none, or on a
    chain: `fill` says of both what is to be written.
    """

    offers: list[int]
    apart: list[int]

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
        self, parts: Sequence[tuple[bytes, bytes, float | None, float]], apart: Sequence[bytes], now_mono_ns: int
    ) -> None:
        """Say what is common, once and before anything is written.

        Args:
            parts: For every offer `common`, `hop`, `oracle_price` and `scale` as `write_quote` takes them.
            apart: For every row told apart its encoded refusal, or its quote by `write_chain_quote`.
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
