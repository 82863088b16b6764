import math

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, MSOL, SOL, USDC
from fakes.vouched import freshness_message, vouched

from aggregator import upstream_wire as wire
from aggregator.held import Refusal, Source
from aggregator.oracle import OraclePrice
from quote_core.freshness import NEVER_VOUCHED
from quote_core.generated.solquote.v1 import external_quote_pb2, local_quote_pb2, quotes_pb2
from quote_core.quotes import Provenance, QuoteKey


def local_quote(**changes: object) -> local_quote_pb2.LocalQuote:
    fields: dict[str, object] = {
        "input_mint": SOL,
        "output_mint": USDC,
        "input_amount": 1_000_000_000,
        "output_amount": 140_000_000,
        "price_impact": 0.001,
        "protocol": "orca_whirlpool",
        "oracle_price": 140.5,
        "version": 3,
        "slot": 98,
        "freshness": freshness_message(FakeClock(), age_ns=250_000_000, slot=99),
        "row": 7,
        "route_id": 2**63,
        "depth_amount": 11,
    }
    return local_quote_pb2.LocalQuote(**{**fields, **changes})


def test_local_answer_is_taken_over_with_its_freshness() -> None:
    quote = wire.held_local(local_quote())
    assert quote.source is Source.LOCAL
    assert quote.key == KEY
    assert (quote.row, quote.version, quote.route_id) == (7, 3, 2**63)
    assert quote.freshness == vouched(FakeClock(), age_ns=250_000_000, slot=99)
    assert quote.oracle_price == 140.5
    assert quote.dex_id == 4
    assert quote.uptime == 1.0
    assert quote.hop_count == 1
    assert quote.refusal is None


def test_missing_oracle_price_is_none_and_unknown_dex_is_zero() -> None:
    message = local_quote(protocol="something_new")
    message.ClearField("oracle_price")
    quote = wire.held_local(message)
    assert quote.oracle_price is None
    assert quote.dex_id == 0


def test_refusal_is_taken_over_in_the_services_words() -> None:
    error = quotes_pb2.QuoteError(code="FAILED_PRECONDITION", message="no pool")
    quote = wire.held_local(local_quote(error=error))
    assert quote.refusal == Refusal("FAILED_PRECONDITION", "no pool")


def test_external_answer_is_taken_over_with_its_freshness() -> None:
    message = external_quote_pb2.ExternalQuote(
        input_mint=SOL,
        output_mint=USDC,
        input_amount=1_000_000_000,
        output_amount=139_000_000,
        provider="jupiter",
        price_impact_bps=15.0,
        freshness=freshness_message(FakeClock(), age_ns=4_000_000_000),
        provider_uptime=0.9,
        route_plan=[
            quotes_pb2.RouteHop(input_mint=SOL, output_mint=MSOL),
            quotes_pb2.RouteHop(input_mint=SOL, output_mint=MSOL),
            quotes_pb2.RouteHop(input_mint=MSOL, output_mint=USDC),
        ],
    )
    quote = wire.held_external(message)
    assert quote.source is Source.EXTERNAL
    assert quote.price_impact_fraction == pytest.approx(0.0015)
    assert quote.freshness == vouched(FakeClock(), age_ns=4_000_000_000)
    assert quote.oracle_price is None
    assert quote.uptime == 0.9
    assert quote.hop_count == 2, "a split runs side by side and is one hop"


def test_a_split_has_as_many_hops_as_its_longest_part() -> None:
    direct = quotes_pb2.RouteHop(pool_id="p", input_mint="a", output_mint="c", leg=0, leg_percent=60)
    first = quotes_pb2.RouteHop(pool_id="q", input_mint="a", output_mint="b", leg=1, leg_percent=40)
    second = quotes_pb2.RouteHop(pool_id="r", input_mint="b", output_mint="c", leg=1, leg_percent=40)
    there_and_back = quotes_pb2.RouteHop(pool_id="s", input_mint="b", output_mint="a", leg=1)
    assert wire.held_local(local_quote(route=[direct, first, second])).hop_count == 2
    assert wire.held_local(local_quote(route=[direct, quotes_pb2.RouteHop(leg=1)])).hop_count == 1
    assert wire.held_local(local_quote(route=[first, there_and_back])).hop_count == 2


def test_message_that_does_not_say_when_was_never_vouched_for() -> None:
    message = local_quote()
    message.ClearField("freshness")
    assert wire.held_local(message).freshness == NEVER_VOUCHED


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("output_amount", 0),
        ("output_amount", 2**63),
        ("output_amount", 2**64 - 1),
        ("price_impact", math.nan),
        ("price_impact", math.inf),
        ("price_impact", -math.inf),
        ("price_impact", 1e308),
        ("price_impact", 1.01),
    ],
)
def test_what_no_quote_can_be_is_a_refusal_that_names_the_field(field: str, value: float) -> None:
    quote = wire.held_local(local_quote(**{field: value}))
    assert quote.refusal is not None
    assert quote.refusal.code == "DATA_LOSS"
    assert quote.refusal.message.startswith(field)
    assert (quote.key, quote.row, quote.output_amount) == (KEY, 7, 0)


@pytest.mark.parametrize("uptime", [math.nan, -0.1, 1.1])
def test_uptime_that_is_no_share_is_refused(uptime: float) -> None:
    message = external_quote_pb2.ExternalQuote(output_amount=1, provider_uptime=uptime)
    refusal = wire.held_external(message).refusal
    assert refusal is not None
    assert refusal.message.startswith("provider_uptime")


def test_slot_beyond_what_shared_memory_holds_is_refused() -> None:
    message = local_quote(freshness=freshness_message(FakeClock(), slot=2**32))
    assert wire.held_local(message).refusal is not None


def test_impact_below_zero_is_none() -> None:
    assert wire.held_local(local_quote(price_impact=-0.001)).price_impact_fraction == 0.0


@pytest.mark.parametrize("price", [math.nan, math.inf, 0.0, -1.0])
def test_oracle_price_that_can_be_none_is_not_taken(price: float) -> None:
    assert wire.held_local(local_quote(oracle_price=price)).oracle_price is None


def test_request_names_each_direction_once_with_ascending_amounts_and_their_rows() -> None:
    rows = [(4, QuoteKey(SOL, USDC, 30)), (1, QuoteKey(USDC, SOL, 5)), (2, QuoteKey(SOL, USDC, 10))]
    request = wire.batch_request(rows, refresh_interval_ns=1_500_000_000)
    assert request.refresh_interval_ms == 1_500
    assert [(p.input_mint, list(p.amounts), list(p.rows)) for p in request.pairs] == [
        (SOL, [10, 30], [2, 4]),
        (USDC, [5], [1]),
    ]


def test_only_known_possible_and_fresh_prices_are_taken() -> None:
    fresh = freshness_message(FakeClock())
    prices = [
        local_quote_pb2.OraclePrice(mint=SOL, usd=140.0, freshness=fresh),
        local_quote_pb2.OraclePrice(mint=USDC, usd=1.0, is_stale=True, freshness=fresh),
        local_quote_pb2.OraclePrice(mint=MSOL),
        *(local_quote_pb2.OraclePrice(mint=f"m{usd}", usd=usd) for usd in (math.nan, math.inf, 1e300, 0.0, -1.0)),
    ]
    taken = wire.oracle_prices(local_quote_pb2.OraclePricesResponse(prices=prices))
    assert taken.pop(SOL) == OraclePrice(140.0, vouched(FakeClock()))
    assert len(taken) == len(prices) - 1
    assert set(taken.values()) == {None}


@pytest.mark.parametrize(
    ("told", "taken"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0), (7.0, 1.0), (-0.1, 1.0), (math.nan, 1.0), (math.inf, 1.0)]
)
def test_a_disagreement_that_is_no_fraction_is_as_bad_as_one_can_be(told: float, taken: float) -> None:
    price = local_quote_pb2.OraclePrice(
        mint=SOL, usd=140.0, freshness=freshness_message(FakeClock()), disagreement=told, disagreement_in_sol=told
    )
    (price_of_usdc, price_of_sol) = (
        wire.oracle_prices(local_quote_pb2.OraclePricesResponse(prices=[one]))[SOL]
        for one in (local_quote_pb2.OraclePrice(mint=SOL, usd=140.0, disagreement=told), price)
    )
    assert price_of_usdc is not None
    assert price_of_sol is not None
    assert (price_of_usdc.disagreement, price_of_usdc.disagreement_in_sol) == (taken, None)
    assert (price_of_sol.disagreement, price_of_sol.disagreement_in_sol) == (taken, taken)


def test_provenance_of_a_newer_service_is_unknown_and_no_error() -> None:
    (leg,) = wire.held_local(local_quote(route=[quotes_pb2.RouteHop(provenance=99)])).route  # type: ignore[arg-type]
    assert leg.provenance is None


def test_legs_tell_fee_and_provenance_only_where_known() -> None:
    hops = [
        quotes_pb2.RouteHop(pool_id="a", fee_amount=3, fee_mint=SOL, provenance=quotes_pb2.PROVENANCE_SYNTHETIC),
        quotes_pb2.RouteHop(pool_id="b"),
    ]
    first, second = wire.held_local(local_quote(route=hops)).route
    assert (first.fee_amount, first.fee_mint, first.provenance) == (3, SOL, Provenance.SYNTHETIC)
    assert (second.fee_amount, second.fee_mint, second.provenance) == (None, None, None)
