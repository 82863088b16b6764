"""Ids of a quote's trace, worked out from the quote itself: two processes that hold it get the same ones.

Shared memory has no place for a trace context, and needs none. A quote is known on both sides by its source, its
route, what goes in and what comes out, and from these and the run everybody works out

    low    = bits 32 to 95 of ((route_id ^ salt) + input * A + output * B mod 2**64) * C
    high   = 64 bits of BLAKE2b over salt and the four numbers
    trace  = high, low;    sampled when low < ratio * 2**64, as OpenTelemetry's TraceIdRatioBased has it
    span   = 64 bits of BLAKE2b over the trace and the span's name

`salt` is of the run and the source, since a recorded market gives the same quotes again in its next run. On a chain a
pool that comes back to the very state it had gives the same quote again, which is then told as of the same trace.
`low` is six operations, for it is asked of every quote of a process that traces; `high` of the few that are sampled.
"""

import hashlib
import struct
from typing import Final

from quote_core.events.types import Trace
from quote_core.quote_id import EXTERNAL

__all__ = ["ACCOUNT_UPDATE", "QUOTE", "WRITE", "QuoteIds", "span_id_of"]

ACCOUNT_UPDATE: Final = "account update"
QUOTE: Final = "quote"
WRITE: Final = "write quote"
"""The spans from the chain to shared memory, each below the one before."""

_MASK: Final = 2**64 - 1
_A: Final = 0x9E3779B97F4A7C15
_B: Final = 0xC2B2AE3D27D4EB4F
_C: Final = 0xFF51AFD7ED558CCD
"""Odd, with as many ones as zeros: the golden ratio, and two that are known from xxHash and MurmurHash3."""
_PARTS: Final = struct.Struct("<QQQQ")


class QuoteIds:
    """The ids of one run.

    Args:
        run_id: Of the platform's settings.
        ratio: Which share of the quotes is sampled, 0 to 1.
    """

    def __init__(self, *, run_id: str, ratio: float) -> None:
        self._bound = round(ratio * 2**64)
        self._salts = tuple(_hashed(f"{run_id}/{source}".encode()) for source in range(EXTERNAL + 1))

    def sampled(self, source: int, route_id: int, input_amount: int, output_amount: int) -> int | None:
        """The trace of a quote that is sampled, `None` of any other."""
        # As `_low`, spelled out: this is asked of every quote.
        low = ((route_id ^ self._salts[source]) + input_amount * _A + output_amount * _B & _MASK) * _C >> 32 & _MASK
        if low >= self._bound:
            return None
        return self._high(source, route_id, input_amount, output_amount) << 64 | low

    def written(self, source: int, route_id: int, input_amount: int, output_amount: int) -> Trace:
        """The context that a quote in shared memory stands for: whoever acts on it goes on below it."""
        low = self._low(source, route_id, input_amount, output_amount)
        trace_id = self._high(source, route_id, input_amount, output_amount) << 64 | low
        return Trace(
            trace_id=trace_id.to_bytes(16),
            span_id=span_id_of(trace_id, WRITE).to_bytes(8),
            flags=int(low < self._bound),
        )

    def _low(self, source: int, route_id: int, input_amount: int, output_amount: int) -> int:
        mixed = ((route_id ^ self._salts[source]) + input_amount * _A + output_amount * _B) & _MASK
        return mixed * _C >> 32 & _MASK

    def _high(self, source: int, route_id: int, input_amount: int, output_amount: int) -> int:
        return _hashed(_PARTS.pack(self._salts[source], route_id, input_amount, output_amount)) or 1


def span_id_of(trace_id: int, name: str) -> int:
    """The span of this name in a trace of a quote; never 0, which is none."""
    return _hashed(trace_id.to_bytes(16) + name.encode()) or 1


def _hashed(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest())
