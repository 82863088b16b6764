"""`LocalQuoteColumns` messages made of single quotes by protobuf's own classes, and taken apart by them again."""

from collections.abc import Iterable, Iterator

from quote_core.generated.solquote.v1.local_quote_pb2 import LocalQuote, LocalQuoteColumns, LocalQuoteGroup
from quote_core.tokens import TokenRegistry

COLUMNS = {
    "row": "rows",
    "input_amount": "input_amounts",
    "output_amount": "output_amounts",
    "price_impact": "price_impacts",
    "version": "versions",
    "quoted_unix_ns": "quoted_unix_ns",
    "quote_cache_age_ms": "quote_cache_ages_ms",
}
"""What each quote says for itself, by the column it is in."""


def columns_of(quotes: Iterable[LocalQuote], *, sequence: int = 1, snapshot: bool = False) -> LocalQuoteColumns:
    """A message of these quotes; neighbours with all else in common are one group."""
    message = LocalQuoteColumns(sequence=sequence, snapshot=snapshot)
    common_before = None
    for quote in quotes:
        if quote.HasField("error"):
            message.refused.append(quote)
            continue
        common = LocalQuote.FromString(quote.SerializeToString())
        for field in (*COLUMNS, "route", "deviation_percent"):
            common.ClearField(field)
        if common != common_before:
            group = message.groups.add(common=common)
            common_before = common
            if quote.route:
                (hop,) = quote.route
                group.hop.CopyFrom(hop)
                group.hop.ClearField("input_amount")
                group.hop.ClearField("output_amount")
        for field, column in COLUMNS.items():
            getattr(group, column).append(getattr(quote, field))
    return message


def columns_message(quotes: Iterable[LocalQuote], *, sequence: int = 1, snapshot: bool = False) -> bytes:
    """The same as bytes."""
    message: bytes = columns_of(quotes, sequence=sequence, snapshot=snapshot).SerializeToString()
    return message


def quotes_of(message: LocalQuoteColumns, tokens: TokenRegistry | None = None) -> Iterator[LocalQuote]:
    """The quotes of a message one by one, as it describes them; the deviation where the tokens' decimals are known."""
    for group in message.groups:
        for place in range(len(group.rows)):
            yield quote_of(group, place, tokens)


def quote_of(group: LocalQuoteGroup, place: int, tokens: TokenRegistry | None = None) -> LocalQuote:
    """One of them."""
    quote = LocalQuote.FromString(group.common.SerializeToString())
    for field, column in COLUMNS.items():
        setattr(quote, field, getattr(group, column)[place])
    if group.HasField("hop"):
        del quote.route[:]
        quote.route.append(group.hop)
        quote.route[0].input_amount, quote.route[0].output_amount = quote.input_amount, quote.output_amount
    if tokens is not None and quote.HasField("oracle_price") and 0 < quote.oracle_price < float("inf"):
        input_token, output_token = tokens.pair(quote.input_mint, quote.output_mint)
        rate = quote.output_amount / quote.input_amount * 10.0 ** (input_token.decimals - output_token.decimals)
        quote.deviation_percent = (rate - quote.oracle_price) / quote.oracle_price * 100
    return quote
