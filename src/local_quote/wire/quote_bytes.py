"""`LocalQuote` and `LocalQuoteBatch` as bytes, without a message object a quote. Does no I/O.

A quote's bytes are three parts, joined at sending (protobuf lets fields come in any order):

| part   | fields                                             | made                                      |
|--------|----------------------------------------------------|-------------------------------------------|
| body   | mints, amounts, impact, pool, version, route, ...  | once a change, for all subscribers        |
| tail   | ages, freshness, slot, oracle price, deviation     | at sending, shared for `TAIL_AGE_NS_MAX`  |
| number | `row`                                              | for each subscriber                       |

The numbers are written by `_quote_writer` in C: `benchmarks/local_quote.py` shows what message objects cost instead,
which every subscriber would pay again. What is the same for many quotes is encoded once, by the generated classes.
"""

from typing import Final

from local_quote.oracle import PriceOracle
from local_quote.row_table import LocalQuote, LocalRow
from local_quote.wire._quote_writer import write_batch, write_body, write_row, write_tail
from quote_core.clock import Clock
from quote_core.dex.pool import ChainClock
from quote_core.errors import SolquoteError
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.quotes import route_id
from quote_core.tokens import Token
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["TAIL_AGE_NS_MAX", "QuoteColumns", "QuoteEncoder", "QuoteParts", "deviation_percent"]

TAIL_AGE_NS_MAX: Final = 5_000_000
"""How long a row's ages may be sent again unchanged; the milliseconds they then understate them by at most."""

_NS_PER_MS = 1_000_000


class QuoteParts:
    """Quotes to be sent to one subscriber, as parallel lists: bodies, tails, and its numbers for them."""

    __slots__ = ("bodies", "numbers", "tails")

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.tails: list[bytes] = []
        self.numbers: list[int] = []

    def __len__(self) -> int:
        return len(self.bodies)

    def add(self, body: bytes, tail: bytes, number: int) -> None:
        """Add one quote."""
        self.bodies.append(body)
        self.tails.append(tail)
        self.numbers.append(number)

    def extend(self, other: "QuoteParts") -> None:
        """Add all of `other`."""
        self.bodies += other.bodies
        self.tails += other.tails
        self.numbers += other.numbers

    def messages(self) -> list[bytes]:
        """One `LocalQuote` each."""
        parts = zip(self.bodies, self.tails, self.numbers, strict=True)
        return [body + tail + write_row(number) for body, tail, number in parts]

    def batches(self, *, count_max: int, sequence: int, snapshot: bool) -> list[bytes]:
        """As `LocalQuoteBatch` messages of at most `count_max` quotes, numbered from `sequence`."""
        return [
            write_batch(
                self.bodies[start : start + count_max],
                self.tails[start : start + count_max],
                self.numbers[start : start + count_max],
                sequence + start // count_max,
                snapshot,
            )
            for start in range(0, len(self.bodies), count_max)
        ]


def deviation_percent(quote: LocalQuote, oracle_price: float) -> float:
    """How far the quote's own rate, in whole tokens, lies from the oracle's, in percent."""
    scale: float = 10.0 ** (quote.input_token.decimals - quote.output_token.decimals)
    rate = quote.swap.output_amount / quote.swap.input_amount * scale
    return (rate - oracle_price) / oracle_price * 100


class QuoteEncoder:
    """Turns quotes and rows into the bytes of `LocalQuote`."""

    def __init__(self, *, oracle: PriceOracle, clock: Clock, stale_after_ns: int) -> None:
        self._oracle = oracle
        self._clock = clock
        self._stale_after_ns = stale_after_ns
        self._mint_parts: dict[tuple[Pubkey, Pubkey], bytes] = {}
        self._pool_parts: dict[tuple[Pubkey, Pubkey], tuple[bytes, bytes]] = {}
        self._rates: dict[tuple[Pubkey, Pubkey], float | None] = {}
        self._rates_of: tuple[int, ChainClock | None, int] = (0, None, 0)

    def quote(self, quote: LocalQuote, chain_clock: ChainClock | None) -> bytes:
        """One complete message, without a row number."""
        return self._body(quote) + self._tail(quote, chain_clock, self._clock.mono_ns())

    def refusal(self, input_mint: str, output_mint: str, amount: int, error: SolquoteError, version: int = 0) -> bytes:
        """A quote that cannot be given: its `error` says why."""
        return local_quote_pb2.LocalQuote(
            input_mint=input_mint,
            output_mint=output_mint,
            input_amount=amount,
            version=version,
            error=quotes_pb2.QuoteError(code=error.code, message=str(error)),
        ).SerializeToString()

    def row(self, row: LocalRow, chain_clock: ChainClock | None) -> tuple[bytes, bytes]:
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
            row.tail = self._tail(quote, chain_clock, now_mono_ns)
            row.tail_mono_ns = now_mono_ns
        return row.encoded, row.tail

    def begin_group(
        self, group: local_quote_pb2.LocalQuoteGroup, quote: LocalQuote, chain_clock: ChainClock | None
    ) -> None:
        """Say what quotes of one direction and pool have in common with this one."""
        pool_part, hop_part = self._of_pool(quote)
        group.hop.MergeFromString(hop_part)
        group.common.MergeFromString(self._of_mints(quote.input_token, quote.output_token) + pool_part)
        group.common.MergeFromString(self._tail(quote, chain_clock, self._clock.mono_ns()))
        group.common.depth_amount = quote.swap.depth_amount
        group.common.ClearField("quote_cache_age_ms")
        group.common.ClearField("deviation_percent")

    def cache_age_ms(self, quote: LocalQuote) -> int:
        """How long ago the quote was worked out."""
        return max(0, self._clock.mono_ns() - quote.quoted_mono_ns) // _NS_PER_MS

    def _body(self, quote: LocalQuote) -> bytes:
        swap = quote.swap
        pool_part, hop_part = self._of_pool(quote)
        fee_part = b""
        if swap.fee_mint is not None:
            fee_part = quotes_pb2.RouteHop(fee_amount=swap.fee_amount, fee_mint=swap.fee_mint).SerializeToString()
        return write_body(
            self._of_mints(quote.input_token, quote.output_token),
            pool_part,
            hop_part,
            fee_part,
            swap.input_amount,
            swap.output_amount,
            swap.price_impact,
            quote.version,
            quote.quoted_unix_ns,
            swap.depth_amount,
        )

    def _tail(self, quote: LocalQuote, chain_clock: ChainClock | None, now_mono_ns: int) -> bytes:
        entry = quote.swap.entry
        freshness = entry.freshness
        rate = self._rate(quote, chain_clock, now_mono_ns)
        return write_tail(
            entry.age_ns(now_mono_ns) // _NS_PER_MS,
            max(0, now_mono_ns - quote.quoted_mono_ns) // _NS_PER_MS,
            entry.is_stale(now_mono_ns, self._stale_after_ns),
            freshness.vouched_slot,
            freshness.vouched.mono_ns,
            freshness.vouched.unix_ns,
            freshness.vouched.boot_id,
            freshness.changed_slot,
            freshness.changed_unix_ns,
            freshness.chain_unix_s,
            rate is not None,
            0.0 if rate is None else rate,
            0.0 if rate is None else deviation_percent(quote, rate),
        )

    def _rate(self, quote: LocalQuote, chain_clock: ChainClock | None, now_mono_ns: int) -> float | None:
        """The oracle's rate, once a direction for every state of oracle and chain's clock, and anew every second."""
        if chain_clock is None:
            return None
        state = self._oracle.revision, chain_clock, now_mono_ns // NS_PER_S
        if self._rates_of != state:
            self._rates.clear()
            self._rates_of = state
        key = quote.input_token.mint, quote.output_token.mint
        if key not in self._rates:
            self._rates[key] = self._oracle.rate(quote.input_token, quote.output_token, chain_clock)
        return self._rates[key]

    def _of_mints(self, input_token: Token, output_token: Token) -> bytes:
        key = input_token.mint, output_token.mint
        part = self._mint_parts.get(key)
        if part is None:
            part = local_quote_pb2.LocalQuote(input_mint=key[0], output_mint=key[1]).SerializeToString()
            self._mint_parts[key] = part
        return part

    def _of_pool(self, quote: LocalQuote) -> tuple[bytes, bytes]:
        """What is the same for all quotes of one direction of one pool: of the message, and of its hop."""
        entry, input_mint = quote.swap.entry, quote.input_token.mint
        key = entry.pool.address, input_mint
        parts = self._pool_parts.get(key)
        if parts is None:
            provenance = quotes_pb2.Provenance.Name(entry.provenance.value)
            message = local_quote_pb2.LocalQuote(
                pool_id=entry.pool.address,
                protocol=entry.pool.dex.label,
                provenance=provenance,
                route_id=route_id([entry.pool.address]),
            )
            hop = quotes_pb2.RouteHop(
                pool_id=entry.pool.address,
                protocol=entry.pool.dex.label,
                input_mint=input_mint,
                output_mint=quote.output_token.mint,
                provenance=provenance,
            )
            parts = self._pool_parts[key] = message.SerializeToString(), hop.SerializeToString()
        return parts


class QuoteColumns:
    """One `LocalQuoteColumns` message for one subscriber."""

    def __init__(self, encoder: QuoteEncoder, chain_clock: ChainClock | None) -> None:
        self._encoder = encoder
        self._chain_clock = chain_clock
        self._message = local_quote_pb2.LocalQuoteColumns()
        self._groups: dict[tuple[Pubkey, Pubkey, bool], local_quote_pb2.LocalQuoteGroup] = {}

    def add_refused(self, body: bytes, number: int) -> None:
        """Add what has no quote."""
        self._message.refused.add(row=number).MergeFromString(body)

    def add(self, row: LocalRow, number: int) -> None:
        """Add a row's present state."""
        quote = row.quote
        if quote is None:
            self.add_refused(self._encoder.row(row, self._chain_clock)[0], number)
            return
        swap = quote.swap
        key = swap.entry.pool.address, quote.input_token.mint, row.is_stale
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = self._message.groups.add()
            self._encoder.begin_group(group, quote, self._chain_clock)
        group.rows.append(number)
        group.input_amounts.append(swap.input_amount)
        group.output_amounts.append(swap.output_amount)
        group.price_impacts.append(swap.price_impact)
        group.versions.append(quote.version)
        group.quoted_unix_ns.append(quote.quoted_unix_ns)
        group.quote_cache_ages_ms.append(self._encoder.cache_age_ms(quote))

    def message(self, *, sequence: int, snapshot: bool) -> bytes:
        """The message's bytes, numbered."""
        self._message.sequence, self._message.snapshot = sequence, snapshot
        data: bytes = self._message.SerializeToString()
        return data
