"""Quotes as the aggregator holds them, made of the few things a test cares about."""

from aggregator.held import HeldQuote, Refusal, Source
from quote_core.generated.solquote.v1 import external_quote_pb2, local_quote_pb2
from quote_core.quotes import QuoteKey
from quote_core.tokens import load_tokens

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
MSOL = TOKENS.resolve("mSOL", field="").mint
ONE_SOL = 1_000_000_000
KEY = QuoteKey(SOL, USDC, ONE_SOL)


def held(
    output_amount: int = 140_000_000,
    *,
    source: Source = Source.LOCAL,
    row: int = 0,
    key: QuoteKey = KEY,
    version: int = 1,
    is_stale: bool = False,
    state_mono_ns: int = 1_000_000_000_000,
    received_mono_ns: int = 1_000_000_000_000,
    oracle_price: float | None = 140.0,
    uptime: float = 1.0,
    route_id: int = 77,
    refusal: Refusal | None = None,
    slot: int = 5,
) -> HeldQuote:
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
        slot=slot,
        route_id=route_id,
        hop_count=1,
        price_impact_fraction=0.0005,
        depth_amount=0,
        oracle_price=oracle_price,
        uptime=uptime,
        dex_id=2,
        is_stale=is_stale,
        version=version,
        quoted_unix_ns=1_700_000_000_000_000_000,
        received_mono_ns=received_mono_ns,
        state_mono_ns=state_mono_ns,
        refusal=refusal,
        message=message,
    )
