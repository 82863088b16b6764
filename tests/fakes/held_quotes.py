"""Quotes as the aggregator holds them, made of the few things a test cares about."""

from fakes.fake_clock import FakeClock
from fakes.vouched import vouched

from aggregator.held import HeldQuote, Refusal, Source, WrittenQuote
from aggregator.oracle import OraclePrice, OraclePrices
from aggregator.selection import Judge, Merged
from quote_core.clock import Clock, moment
from quote_core.freshness import Freshness
from quote_core.generated.solquote.v1 import external_quote_pb2, local_quote_pb2
from quote_core.quotes import QuoteKey
from quote_core.tokens import load_tokens

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
MSOL = TOKENS.resolve("mSOL", field="").mint
ONE_SOL = 1_000_000_000
KEY = QuoteKey(SOL, USDC, ONE_SOL)
USD = {SOL: 140.0, USDC: 1.0, MSOL: 182.0}
S = 1_000_000_000


def held(
    output_amount: int = 140_000_000,
    *,
    source: Source = Source.LOCAL,
    row: int = 0,
    key: QuoteKey = KEY,
    version: int = 1,
    is_stale: bool = False,
    clock: Clock | None = None,
    age_ns: int = 0,
    freshness: Freshness | None = None,
    oracle_price: float | None = 140.0,
    uptime: float = 1.0,
    route_id: int = 77,
    refusal: Refusal | None = None,
    slot: int = 5,
    price_impact_fraction: float = 0.0005,
) -> HeldQuote:
    """An answer vouched for `age_ns` ago by `clock`, or by one that stands where a new `FakeClock` does."""
    fields = {
        "input_mint": key.input_mint,
        "output_mint": key.output_mint,
        "input_amount": key.input_amount,
        "output_amount": output_amount,
        "is_stale": is_stale,
    }
    message = (
        local_quote_pb2.LocalQuote(**fields)
        if source is Source.LOCAL
        else external_quote_pb2.ExternalQuote(**fields, provider="jupiter")
    )
    return HeldQuote(
        source=source,
        row=row,
        key=key,
        output_amount=output_amount,
        route_id=route_id,
        hop_count=1,
        price_impact_fraction=price_impact_fraction,
        depth_amount=0,
        oracle_price=oracle_price,
        uptime=uptime,
        dex_id=2,
        is_stale=is_stale,
        version=version,
        freshness=freshness or vouched(clock or FakeClock(), age_ns=age_ns, slot=slot),
        refusal=refusal,
        route=(),
        message=message.SerializeToString(),
    )


def oracle(clock: Clock | None = None, *, age_ns: int = 0, disagreement: float = 0.0) -> OraclePrices:
    """Knows a price of three tokens; the sources of SOL's disagree."""
    prices = OraclePrices(stale_after_ns=60 * S)
    freshness = vouched(clock or FakeClock(), age_ns=age_ns)
    apart = {SOL: disagreement}
    prices.update({mint: OraclePrice(usd, freshness, apart.get(mint, 0.0)) for mint, usd in USD.items()})
    return prices


def judge(prices: OraclePrices | None = None, *, local_ns: int = 5 * S, external_ns: int = 60 * S) -> Judge:
    """With the limits the settings have."""
    return Judge(oracle=prices or oracle(), stale_after_ns={Source.LOCAL: local_ns, Source.EXTERNAL: external_ns})


def written(quote: HeldQuote, *, confidence: float = 0.9) -> WrittenQuote:
    """The same as spans are told of it."""
    return WrittenQuote(
        source=quote.source,
        row=quote.row,
        route_id=quote.route_id,
        input_amount=quote.key.input_amount,
        output_amount=quote.output_amount,
        confidence=confidence,
        vouched_slot=quote.freshness.vouched_slot,
        version=quote.version,
    )


def merged(local: HeldQuote | None, external: HeldQuote | None = None, clock: Clock | None = None) -> Merged:
    """A row."""
    return judge().merged(local, external, rate_scale=1_000.0, now=moment(clock or FakeClock()))
