"""Quotes as bytes, straight from the rows' numbers, without a message object a quote. Does no I/O.

A quote's fields come from two places; protobuf lets them come in any order:

| part   | fields                                                | made                              |
|--------|-------------------------------------------------------|-----------------------------------|
| common | mints, pool, depth, ages, freshness, slot, oracle ... | once a message and pool, at sending |
| own    | amounts, impact, version, times, row ...              | written from the row's line in C  |

`LocalQuoteColumns` says what is common once a group, the other messages say it with every quote. What never changes
of it is encoded once, by the generated classes. A row that rests on a chain of pools has amounts of its own between
them: it is written whole, in columns, too.
"""

from collections.abc import Mapping, Sequence

from local_quote.chain_offer import ChainOffer
from local_quote.market import RoutedQuote
from local_quote.oracle import PriceOracle
from local_quote.pool_store import PoolEntry
from local_quote.row_table import LocalQuote, LocalRowTable
from local_quote.settlement import NO_OFFER
from local_quote.wire._quote_writer import ToldQuotes, write_chain_quote, write_common, write_quote
from local_quote.wire.messages import routed_to
from quote_core.clock import Clock
from quote_core.dex.pool import ChainClock, Direction, Pool
from quote_core.errors import RequestError, SolquoteError
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2
from quote_core.quotes import route_id, worst_provenance
from quote_core.serving import Combination
from quote_core.tokens import Token
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["QuoteEncoder", "ToldQuotes"]

_Part = tuple[bytes, bytes, float | None, float]
_ChainPart = tuple[bytes, tuple[bytes, ...], float | None, float]


class QuoteEncoder:
    """Turns quotes and rows into the bytes of `LocalQuote`."""

    def __init__(self, *, table: LocalRowTable, oracle: PriceOracle, clock: Clock, stale_after_ns: int) -> None:
        self._table = table
        self._oracle = oracle
        self._clock = clock
        self._stale_after_ns = stale_after_ns
        self._constants: dict[tuple[Pubkey, Pubkey], tuple[bytes, bytes]] = {}
        self._rates: dict[tuple[Pubkey, Pubkey], float | None] = {}
        self._rates_of: tuple[int, ChainClock | None, int] = (0, None, 0)

    def quote(self, quote: LocalQuote, chain_clock: ChainClock | None) -> bytes:
        """One complete message, without a row number."""
        swap, now_mono_ns = quote.swap, self._clock.mono_ns()
        fee = b""
        if swap.fee_mint is not None:
            fee = quotes_pb2.RouteHop(fee_amount=swap.fee_amount, fee_mint=swap.fee_mint).SerializeToString()
        tokens = quote.input_token, quote.output_token
        common, hop, oracle_price, scale = self._part(
            *tokens, (swap.entry,), swap.depth_amount, chain_clock, now_mono_ns
        )
        return write_quote(
            common,
            hop,
            fee,
            oracle_price,
            scale,
            swap.input_amount,
            swap.output_amount,
            swap.price_impact,
            quote.version,
            quote.quoted_unix_ns,
            quote.quoted_mono_ns,
            now_mono_ns,
        )

    def routed(self, quote: RoutedQuote, chain_clock: ChainClock | None) -> bytes:
        """One complete message of a quote whose route may be of several swaps, without a row number."""
        rate = self._rate(quote.input_token, quote.output_token, chain_clock, self._clock.mono_ns())
        return routed_to(quote, rate, now_mono_ns=self._clock.mono_ns(), stale_after_ns=self._stale_after_ns)

    def refusal(self, input_mint: str, output_mint: str, amount: int, error: SolquoteError, version: int = 0) -> bytes:
        """A quote that cannot be given: its `error` says why."""
        return local_quote_pb2.LocalQuote(
            input_mint=input_mint,
            output_mint=output_mint,
            input_amount=amount,
            version=version,
            error=quotes_pb2.QuoteError(code=error.code, message=str(error)),
        ).SerializeToString()

    def told(
        self,
        labels: Mapping[int, tuple[int, ...]],
        rows: Sequence[int],
        chain_clock: ChainClock | None,
        refused: Sequence[tuple[Combination, RequestError]] = (),
    ) -> ToldQuotes:
        """What is to be told to a subscriber: requests refused, and rows as they are now, by its own numbers."""
        refusals = [
            (self.refusal(one.input_mint, one.output_mint, one.amount, error), one.number) for one, error in refused
        ]
        told, now_mono_ns = ToldQuotes(self._table.quotes, labels, rows, refusals), self._clock.mono_ns()
        offers = (self._table.offers[number] for number in told.offers)
        told.fill(
            [
                self._part(
                    offer.input_token, offer.output_token, offer.entries, offer.depth_amount, chain_clock, now_mono_ns
                )
                for offer in offers
            ],
            self._apart(told.apart, chain_clock, now_mono_ns),
            now_mono_ns,
        )
        return told

    def _apart(self, rows: Sequence[int], chain_clock: ChainClock | None, now_mono_ns: int) -> list[bytes]:
        """The rows that are told whole: those without a quote, and those that rest on a chain."""
        parts: dict[int, _ChainPart] = {}
        messages = []
        for row in rows:
            number = self._table.quotes.offer(row)
            if number == NO_OFFER:
                messages.append(self._row_refusal(row))
                continue
            if number not in parts:
                parts[number] = self._chain_part(self._table.chain_offers[number], chain_clock, now_mono_ns)
            state, _, amounts = self._table.chain_row(row)
            common, hops, rate, scale = parts[number]
            messages.append(
                write_chain_quote(
                    common,
                    hops,
                    amounts,
                    rate,
                    scale,
                    state.price_impact,
                    state.version,
                    state.quoted_unix_ns,
                    state.quoted_mono_ns,
                    now_mono_ns,
                )
            )
        return messages

    def _chain_part(self, offer: ChainOffer, chain_clock: ChainClock | None, now_mono_ns: int) -> _ChainPart:
        """What all rows of a chain have in common."""
        first = offer.entries[0].pool
        constant = local_quote_pb2.LocalQuote(
            input_mint=offer.input_token.mint,
            output_mint=offer.output_token.mint,
            pool_id=first.address,
            protocol=first.dex.label,
            provenance=quotes_pb2.Provenance.Name(worst_provenance(entry.provenance for entry in offer.entries).value),
            route_id=offer.route_id,
        )
        rate = self._rate(offer.input_token, offer.output_token, chain_clock, now_mono_ns)
        common = write_common(
            constant.SerializeToString(),
            offer.depth_amount,
            offer.entries,
            now_mono_ns,
            self._stale_after_ns,
            rate,
        )
        hops = tuple(
            _hop(entry, *_mints(entry.pool, direction)).SerializeToString() for entry, direction in offer.chain
        )
        return common, hops, rate, _scale(offer.input_token, offer.output_token)

    def _row_refusal(self, row: int) -> bytes:
        refusal = self._table.refusal(row)
        if refusal.encoded is None:
            told = self._table.row(row)
            mints = told.input_token.mint, told.output_token.mint
            refusal.encoded = self.refusal(*mints, told.amount, refusal.error, told.version)
        return refusal.encoded

    def _part(
        self,
        input_token: Token,
        output_token: Token,
        entries: tuple[PoolEntry, ...],
        depth_amount: int,
        chain_clock: ChainClock | None,
        now_mono_ns: int,
    ) -> _Part:
        constant, hop = self._constant(input_token, output_token, entries[0])
        rate = self._rate(input_token, output_token, chain_clock, now_mono_ns)
        common = write_common(constant, depth_amount, entries, now_mono_ns, self._stale_after_ns, rate)
        return common, hop, rate, _scale(input_token, output_token)

    def _rate(
        self, input_token: Token, output_token: Token, chain_clock: ChainClock | None, now_mono_ns: int
    ) -> float | None:
        """The oracle's rate, once a direction for every state of oracle and chain's clock, and anew every second."""
        if chain_clock is None:
            return None
        state = self._oracle.revision, chain_clock, now_mono_ns // NS_PER_S
        if self._rates_of != state:
            self._rates.clear()
            self._rates_of = state
        key = input_token.mint, output_token.mint
        if key not in self._rates:
            self._rates[key] = self._oracle.rate(input_token, output_token, chain_clock)
        return self._rates[key]

    def _constant(self, input_token: Token, output_token: Token, entry: PoolEntry) -> tuple[bytes, bytes]:
        """What is for ever the same for all quotes of one direction of one pool: of the message, and of its hop."""
        key = entry.pool.address, input_token.mint
        parts = self._constants.get(key)
        if parts is None:
            message = local_quote_pb2.LocalQuote(
                input_mint=input_token.mint,
                output_mint=output_token.mint,
                pool_id=entry.pool.address,
                protocol=entry.pool.dex.label,
                provenance=quotes_pb2.Provenance.Name(entry.provenance.value),
                route_id=route_id([entry.pool.address]),
            )
            hop = _hop(entry, input_token.mint, output_token.mint)
            parts = self._constants[key] = message.SerializeToString(), hop.SerializeToString()
        return parts


def _hop(entry: PoolEntry, input_mint: Pubkey, output_mint: Pubkey) -> quotes_pb2.RouteHop:
    """A swap through a pool, without its amounts."""
    return quotes_pb2.RouteHop(
        pool_id=entry.pool.address,
        protocol=entry.pool.dex.label,
        input_mint=input_mint,
        output_mint=output_mint,
        provenance=quotes_pb2.Provenance.Name(entry.provenance.value),
    )


def _mints(pool: Pool, direction: Direction) -> tuple[Pubkey, Pubkey]:
    return (pool.mint_a, pool.mint_b) if direction is Direction.A_TO_B else (pool.mint_b, pool.mint_a)


def _scale(input_token: Token, output_token: Token) -> float:
    """What makes a rate of smallest units one of whole tokens."""
    return 10.0 ** (input_token.decimals - output_token.decimals)
