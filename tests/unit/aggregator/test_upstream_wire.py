import pytest
from fakes.held_quotes import KEY, MSOL, SOL, USDC

from aggregator import upstream_wire as wire
from aggregator.held import Refusal, Source
from quote_core.generated.solquote.v1 import external_quote_pb2, local_quote_pb2, quotes_pb2
from quote_core.quotes import Provenance, QuoteKey

NOW = 1_000_000_000_000


def local_quote(**changes: object) -> local_quote_pb2.LocalQuote:
    fields: dict[str, object] = {
        "input_mint": SOL,
        "output_mint": USDC,
        "input_amount": 1_000_000_000,
        "output_amount": 140_000_000,
        "price_impact": 0.001,
        "protocol": "orca_whirlpool",
        "pool_state_age_ms": 250,
        "oracle_price": 140.5,
        "version": 3,
        "slot": 99,
        "row": 7,
        "route_id": 2**63,
        "quoted_unix_ns": 5,
        "depth_amount": 11,
    }
    return local_quote_pb2.LocalQuote(**{**fields, **changes})


def test_local_answer_is_taken_over_with_its_age() -> None:
    quote = wire.held_local(local_quote(), now_mono_ns=NOW)
    assert quote.source is Source.LOCAL
    assert quote.key == KEY
    assert (quote.row, quote.version, quote.slot, quote.route_id) == (7, 3, 99, 2**63)
    assert quote.state_mono_ns == NOW - 250_000_000
    assert quote.oracle_price == 140.5
    assert quote.dex_id == 4
    assert quote.uptime == 1.0
    assert quote.hop_count == 1
    assert quote.refusal is None


def test_missing_oracle_price_is_none_and_unknown_dex_is_zero() -> None:
    message = local_quote(protocol="something_new")
    message.ClearField("oracle_price")
    quote = wire.held_local(message, now_mono_ns=NOW)
    assert quote.oracle_price is None
    assert quote.dex_id == 0


def test_refusal_is_taken_over_in_the_services_words() -> None:
    error = quotes_pb2.QuoteError(code="FAILED_PRECONDITION", message="no pool")
    quote = wire.held_local(local_quote(error=error), now_mono_ns=NOW)
    assert quote.refusal == Refusal("FAILED_PRECONDITION", "no pool")


def test_external_answer_is_taken_over_with_our_oracle_price() -> None:
    message = external_quote_pb2.ExternalQuote(
        input_mint=SOL,
        output_mint=USDC,
        input_amount=1_000_000_000,
        output_amount=139_000_000,
        provider="jupiter",
        price_impact_bps=15.0,
        price_cache_age_ms=4_000,
        provider_uptime=0.9,
        route_plan=[
            quotes_pb2.RouteHop(input_mint=SOL, output_mint=MSOL),
            quotes_pb2.RouteHop(input_mint=SOL, output_mint=MSOL),
            quotes_pb2.RouteHop(input_mint=MSOL, output_mint=USDC),
        ],
    )
    quote = wire.held_external(message, now_mono_ns=NOW, oracle_price=140.0)
    assert quote.source is Source.EXTERNAL
    assert quote.price_impact_fraction == pytest.approx(0.0015)
    assert quote.state_mono_ns == NOW - 4_000_000_000
    assert quote.oracle_price == 140.0
    assert quote.uptime == 0.9
    assert quote.hop_count == 2, "a split runs side by side and is one hop"


def test_stale_copy_is_marked_inside_and_leaves_the_original_alone() -> None:
    quote = wire.held_local(local_quote(), now_mono_ns=NOW)
    stale = wire.stale_copy(quote)
    assert stale.is_stale
    assert isinstance(stale.message, local_quote_pb2.LocalQuote)
    assert stale.message.is_stale
    assert stale.message.output_amount == 140_000_000
    assert isinstance(quote.message, local_quote_pb2.LocalQuote)
    assert not quote.message.is_stale


def test_request_names_each_direction_once_with_ascending_amounts_and_their_rows() -> None:
    rows = [(4, QuoteKey(SOL, USDC, 30)), (1, QuoteKey(USDC, SOL, 5)), (2, QuoteKey(SOL, USDC, 10))]
    request = wire.batch_request(rows, refresh_interval_ns=1_500_000_000)
    assert request.refresh_interval_ms == 1_500
    assert [(p.input_mint, list(p.amounts), list(p.rows)) for p in request.pairs] == [
        (SOL, [10, 30], [2, 4]),
        (USDC, [5], [1]),
    ]


def test_only_known_and_fresh_prices_are_taken() -> None:
    response = local_quote_pb2.OraclePricesResponse(
        prices=[
            local_quote_pb2.OraclePrice(mint=SOL, usd=140.0),
            local_quote_pb2.OraclePrice(mint=USDC, usd=1.0, is_stale=True),
            local_quote_pb2.OraclePrice(mint=MSOL),
        ]
    )
    assert wire.usd_by_mint(response) == {SOL: 140.0}


def test_legs_tell_fee_and_provenance_only_where_known() -> None:
    hops = [
        quotes_pb2.RouteHop(pool_id="a", fee_amount=3, fee_mint=SOL, provenance=quotes_pb2.PROVENANCE_SYNTHETIC),
        quotes_pb2.RouteHop(pool_id="b"),
    ]
    first, second = wire.legs(wire.held_local(local_quote(route=hops), now_mono_ns=NOW))
    assert (first.fee_amount, first.fee_mint, first.provenance) == (3, SOL, Provenance.SYNTHETIC)
    assert (second.fee_amount, second.fee_mint, second.provenance) == (None, None, None)
