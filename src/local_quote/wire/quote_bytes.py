"""`LocalQuote` and `LocalQuoteBatch` as bytes, without a message object a quote. Does no I/O.

A quote's bytes are three parts, joined at sending (protobuf lets fields come in any order):

| part   | fields                                             | made                                      |
|--------|----------------------------------------------------|-------------------------------------------|
| body   | mints, amounts, impact, pool, version, route, ...  | once a change, for all subscribers        |
| tail   | ages, staleness, slot, oracle price, deviation     | at sending, shared for `TAIL_AGE_NS_MAX`  |
| number | `row`                                              | once a subscriber                         |

Building message objects instead costs ten times as much, and every subscriber would pay it again. The field numbers
are read from the generated classes, so that the .proto stays the one place for them.
"""

import struct
from typing import Final

from local_quote.oracle import Oracle
from local_quote.quote_table import Quote, Row
from local_quote.quoter import direction_of, route_id
from quote_core.clock import Clock
from quote_core.dex.pool import ChainClock
from quote_core.errors import SolquoteError
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.tokens import Token
from quote_core.units import Pubkey

__all__ = ["TAIL_AGE_NS_MAX", "QuoteEncoder", "deviation_percent"]

TAIL_AGE_NS_MAX: Final = 5_000_000
"""How long a row's ages may be sent again unchanged; the milliseconds they then understate them by at most."""

_VARINT, _FIXED64, _BYTES = 0, 1, 2
_MORE = 0x80
_NS_PER_MS = 1_000_000
_QUOTE = local_quote_pb2.LocalQuote
_HOP = quotes_pb2.RouteHop
_ERROR = quotes_pb2.QuoteError
_BATCH = local_quote_pb2.LocalQuoteBatch
_DOUBLE = struct.Struct("<d")
_U64 = struct.Struct("<Q")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= _MORE:
        out.append(value & 0x7F | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


def _tag(field_number: int, wire_type: int) -> bytes:
    return _varint(field_number << 3 | wire_type)


_INPUT_MINT = _tag(_QUOTE.INPUT_MINT_FIELD_NUMBER, _BYTES)
_OUTPUT_MINT = _tag(_QUOTE.OUTPUT_MINT_FIELD_NUMBER, _BYTES)
_INPUT_AMOUNT = _tag(_QUOTE.INPUT_AMOUNT_FIELD_NUMBER, _VARINT)
_OUTPUT_AMOUNT = _tag(_QUOTE.OUTPUT_AMOUNT_FIELD_NUMBER, _VARINT)
_PRICE_IMPACT = _tag(_QUOTE.PRICE_IMPACT_FIELD_NUMBER, _FIXED64)
_POOL_ID = _tag(_QUOTE.POOL_ID_FIELD_NUMBER, _BYTES)
_PROTOCOL = _tag(_QUOTE.PROTOCOL_FIELD_NUMBER, _BYTES)
_POOL_AGE = _tag(_QUOTE.POOL_STATE_AGE_MS_FIELD_NUMBER, _VARINT)
_CACHE_AGE = _tag(_QUOTE.QUOTE_CACHE_AGE_MS_FIELD_NUMBER, _VARINT)
_IS_STALE = _tag(_QUOTE.IS_STALE_FIELD_NUMBER, _VARINT)
_ORACLE_PRICE = _tag(_QUOTE.ORACLE_PRICE_FIELD_NUMBER, _FIXED64)
_DEVIATION = _tag(_QUOTE.DEVIATION_PERCENT_FIELD_NUMBER, _FIXED64)
_VERSION = _tag(_QUOTE.VERSION_FIELD_NUMBER, _VARINT)
_SLOT = _tag(_QUOTE.SLOT_FIELD_NUMBER, _VARINT)
_ROUTE = _tag(_QUOTE.ROUTE_FIELD_NUMBER, _BYTES)
_ROW = _tag(_QUOTE.ROW_FIELD_NUMBER, _VARINT)
_ERROR_FIELD = _tag(_QUOTE.ERROR_FIELD_NUMBER, _BYTES)
_ROUTE_ID = _tag(_QUOTE.ROUTE_ID_FIELD_NUMBER, _FIXED64)
_QUOTED_UNIX_NS = _tag(_QUOTE.QUOTED_UNIX_NS_FIELD_NUMBER, _VARINT)
_DEPTH = _tag(_QUOTE.DEPTH_AMOUNT_FIELD_NUMBER, _VARINT)
_RECEIVED = _tag(_QUOTE.POOL_RECEIVED_MONO_NS_FIELD_NUMBER, _VARINT)
_PROVENANCE = _tag(_QUOTE.PROVENANCE_FIELD_NUMBER, _VARINT)
_HOP_INPUT = _tag(_HOP.INPUT_AMOUNT_FIELD_NUMBER, _VARINT)
_HOP_OUTPUT = _tag(_HOP.OUTPUT_AMOUNT_FIELD_NUMBER, _VARINT)
_HOP_FEE = _tag(_HOP.FEE_AMOUNT_FIELD_NUMBER, _VARINT)
_HOP_FEE_MINT = _tag(_HOP.FEE_MINT_FIELD_NUMBER, _BYTES)
_QUOTES = _tag(_BATCH.QUOTES_FIELD_NUMBER, _BYTES)
_SEQUENCE = _tag(_BATCH.SEQUENCE_FIELD_NUMBER, _VARINT)
_CODE = _tag(_ERROR.CODE_FIELD_NUMBER, _BYTES)
_MESSAGE = _tag(_ERROR.MESSAGE_FIELD_NUMBER, _BYTES)
_SNAPSHOT = _tag(_BATCH.SNAPSHOT_FIELD_NUMBER, _VARINT)


def _text(tag: bytes, text: str) -> bytes:
    raw = text.encode()
    return tag + _varint(len(raw)) + raw


def deviation_percent(quote: Quote, oracle_price: float) -> float:
    """How far the quote's own rate, in whole tokens, lies from the oracle's, in percent."""
    scale: float = 10.0 ** (quote.input_token.decimals - quote.output_token.decimals)
    rate = quote.swap.output_amount / quote.swap.input_amount * scale
    return (rate - oracle_price) / oracle_price * 100


class QuoteEncoder:
    """Turns quotes and rows into the bytes of `LocalQuote`."""

    def __init__(self, *, oracle: Oracle, clock: Clock, stale_after_ns: int) -> None:
        self._oracle = oracle
        self._clock = clock
        self._stale_after_ns = stale_after_ns
        self._pool_parts: dict[tuple[Pubkey, Pubkey], tuple[bytes, bytes]] = {}
        self._mint_parts: dict[tuple[Pubkey, Pubkey], bytes] = {}

    def quote(self, quote: Quote, chain_clock: ChainClock | None) -> bytes:
        """One complete message, without a row number."""
        return self._body(quote) + self._tail(quote, chain_clock)

    def refusal(self, input_mint: str, output_mint: str, amount: int, error: SolquoteError, version: int = 0) -> bytes:
        """A quote that cannot be given: its `error` says why."""
        inner = _text(_CODE, error.code) + _text(_MESSAGE, str(error))
        return b"".join(
            (
                _text(_INPUT_MINT, input_mint),
                _text(_OUTPUT_MINT, output_mint),
                _INPUT_AMOUNT + _varint(amount),
                _VERSION + _varint(version),
                _ERROR_FIELD + _varint(len(inner)) + inner,
            )
        )

    def row(self, row: Row, chain_clock: ChainClock | None) -> tuple[bytes, bytes]:
        """Body and tail of a row's present state."""
        quote = row.quote
        if quote is None:
            assert row.refusal is not None, "a row is priced when it is registered"
            if row.encoded is None:
                mints = row.direction.input_token.mint, row.direction.output_token.mint
                row.encoded = self.refusal(*mints, row.amount, row.refusal, row.version)
            return row.encoded, b""
        if row.encoded is None:
            row.encoded = self._body(quote)
        now_mono_ns = self._clock.mono_ns()
        if now_mono_ns - row.tail_mono_ns > TAIL_AGE_NS_MAX:
            row.tail = self._tail(quote, chain_clock)
            row.tail_mono_ns = now_mono_ns
        return row.encoded, row.tail

    @staticmethod
    def row_number(number: int) -> bytes:
        """The subscriber's own number of a row."""
        return _ROW + _varint(number)

    @staticmethod
    def batch(quotes: "list[tuple[bytes, bytes, bytes]]", *, sequence: int, snapshot: bool) -> bytes:
        """A `LocalQuoteBatch` of quotes given as body, tail and number."""
        parts: list[bytes] = []
        for body, tail, number in quotes:
            parts += (_QUOTES, _varint(len(body) + len(tail) + len(number)), body, tail, number)
        parts += (_SEQUENCE, _varint(sequence), _SNAPSHOT, b"\1" if snapshot else b"\0")
        return b"".join(parts)

    def _body(self, quote: Quote) -> bytes:
        swap = quote.swap
        pool_part, hop_part = self._of_pool(quote)
        amount_in, amount_out = _varint(swap.input_amount), _varint(swap.output_amount)
        hop = hop_part + _HOP_INPUT + amount_in + _HOP_OUTPUT + amount_out
        if swap.fee_mint is not None:
            hop += _HOP_FEE + _varint(swap.fee_amount) + _text(_HOP_FEE_MINT, swap.fee_mint)
        return b"".join(
            (
                self._of_mints(quote.input_token, quote.output_token),
                _INPUT_AMOUNT,
                amount_in,
                _OUTPUT_AMOUNT,
                amount_out,
                _PRICE_IMPACT,
                _DOUBLE.pack(swap.price_impact),
                pool_part,
                _VERSION,
                _varint(quote.version),
                _ROUTE,
                _varint(len(hop)),
                hop,
                _QUOTED_UNIX_NS,
                _varint(quote.quoted_unix_ns),
                _DEPTH,
                _varint(swap.depth_amount),
            )
        )

    def _tail(self, quote: Quote, chain_clock: ChainClock | None) -> bytes:
        entry, now_mono_ns = quote.swap.entry, self._clock.mono_ns()
        age_ns = entry.age_ns(now_mono_ns)
        parts = [
            _POOL_AGE,
            _varint(age_ns // _NS_PER_MS),
            _CACHE_AGE,
            _varint(max(0, now_mono_ns - quote.quoted_mono_ns) // _NS_PER_MS),
            _IS_STALE,
            b"\1" if age_ns > self._stale_after_ns else b"\0",
            _SLOT,
            _varint(entry.slot),
            _RECEIVED,
            _varint(entry.confirmed_mono_ns),
        ]
        rate = None if chain_clock is None else self._oracle.rate(quote.input_token, quote.output_token, chain_clock)
        if rate is not None:
            deviation = deviation_percent(quote, rate)
            parts += (_ORACLE_PRICE, _DOUBLE.pack(rate), _DEVIATION, _DOUBLE.pack(deviation))
        return b"".join(parts)

    def _of_mints(self, input_token: Token, output_token: Token) -> bytes:
        key = input_token.mint, output_token.mint
        part = self._mint_parts.get(key)
        if part is None:
            part = self._mint_parts[key] = _text(_INPUT_MINT, key[0]) + _text(_OUTPUT_MINT, key[1])
        return part

    def _of_pool(self, quote: Quote) -> tuple[bytes, bytes]:
        """What is the same for all quotes of one direction of one pool: of the message, and of its hop."""
        entry, input_mint, output_mint = quote.swap.entry, quote.input_token.mint, quote.output_token.mint
        key = entry.pool.address, input_mint
        parts = self._pool_parts.get(key)
        if parts is None:
            assert direction_of(entry, input_mint) is quote.swap.direction
            hop = quotes_pb2.RouteHop(
                pool_id=entry.pool.address,
                protocol=entry.pool.dex.label,
                input_mint=input_mint,
                output_mint=output_mint,
                provenance=quotes_pb2.Provenance.Name(entry.provenance.value),
            ).SerializeToString()
            message = (
                _text(_POOL_ID, entry.pool.address)
                + _text(_PROTOCOL, entry.pool.dex.label)
                + _PROVENANCE
                + _varint(entry.provenance.value)
                + _ROUTE_ID
                + _U64.pack(route_id([entry.pool.address]))
            )
            parts = self._pool_parts[key] = message, hop
        return parts
