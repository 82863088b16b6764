import orjson
import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, MSOL, SOL, USDC, held
from fakes.held_quotes import merged as row
from fakes.vouched import freshness_message

from aggregator.confidence import Confidence, Factors
from aggregator.held import Source
from aggregator.http_answers import quote_answer
from aggregator.http_models import PlatformFee, QuoteAnswer, QuoteParameters
from aggregator.selection import Merged, merge
from aggregator.upstream_wire import held_local
from quote_core.generated.solquote.v1 import local_quote_pb2, quotes_pb2

SCORE = Confidence(0.95, Factors(1.0, 1.0, 1.0, 1.0, 1.0))
ASKED = QuoteParameters(input_mint=SOL, output_mint=USDC, amount=1_000_000_000, slippage_bps=33)
NOW = 1_000_000_000_000


def hop(
    pool: str, input_mint: str, output_mint: str, amount: int, provenance: quotes_pb2.Provenance
) -> quotes_pb2.RouteHop:
    return quotes_pb2.RouteHop(
        pool_id=pool,
        protocol="orca_whirlpool",
        input_mint=input_mint,
        output_mint=output_mint,
        input_amount=amount,
        output_amount=amount,
        provenance=provenance,
        fee_amount=3,
        fee_mint=input_mint,
    )


def answer(*route: quotes_pb2.RouteHop, output: int = 140_000_001) -> QuoteAnswer:
    message = local_quote_pb2.LocalQuote(
        input_mint=SOL,
        output_mint=USDC,
        input_amount=1_000_000_000,
        output_amount=output,
        price_impact=1.5e-05,
        freshness=freshness_message(FakeClock(), age_ns=40_000_000, slot=9),
        route=route,
        route_id=2**64 - 1,
    )
    clock = FakeClock()
    clock.advance_ms(2)
    return told(row(held_local(message), clock=clock), now_mono_ns=NOW + 2_000_000)


def told(merged: Merged, asked: QuoteParameters = ASKED, *, now_mono_ns: int = NOW) -> QuoteAnswer:
    """The answer, and that it is word for word what the model says, of which the OpenAPI document is made."""
    written = orjson.dumps(quote_answer(merged, asked, now_mono_ns=now_mono_ns, started_mono_ns=NOW))
    model = QuoteAnswer.model_validate_json(written, strict=True, extra="forbid")
    assert model.model_dump_json(by_alias=True).encode() == written
    return model


def test_threshold_is_the_output_less_slippage_rounded_down() -> None:
    assert answer().other_amount_threshold == str(140_000_001 * 9_967 // 10_000)


def test_small_price_impact_is_plain_decimal_text() -> None:
    assert answer().price_impact_pct == "0.000015"


def test_ages_and_times_are_of_this_request() -> None:
    got = answer()
    assert (got.age_ms, got.context_slot) == (42, 9)
    assert got.time_taken == pytest.approx(0.002)


def test_ids_beyond_what_json_numbers_hold_are_text() -> None:
    assert answer().route_id == "18446744073709551615"


def test_split_swaps_share_out_their_input_and_labels_are_jupiters() -> None:
    chain = quotes_pb2.PROVENANCE_CHAIN
    got = answer(hop("a", SOL, MSOL, 750, chain), hop("b", SOL, MSOL, 250, chain), hop("c", MSOL, USDC, 900, chain))
    assert [step.percent for step in got.route_plan] == [75, 25, 100]
    assert got.route_plan[0].swap_info.label == "Whirlpool"
    assert got.route_plan[0].swap_info.fee_amount == "3"


def test_provenance_is_that_of_the_least_genuine_pool() -> None:
    recorded, synthetic = quotes_pb2.PROVENANCE_RECORDED, quotes_pb2.PROVENANCE_SYNTHETIC
    assert answer(hop("a", SOL, MSOL, 1, recorded), hop("b", MSOL, USDC, 1, synthetic)).provenance == "synthetic"
    assert answer(hop("a", SOL, USDC, 1, recorded)).provenance == "recorded"


def test_provenance_is_unknown_when_one_pool_does_not_tell() -> None:
    unknown = quotes_pb2.PROVENANCE_UNSPECIFIED
    route = hop("a", SOL, MSOL, 1, quotes_pb2.PROVENANCE_CHAIN), hop("b", MSOL, USDC, 1, unknown)
    assert answer(*route).provenance is None


def test_external_quote_names_its_provider() -> None:
    merged = merge(None, held(source=Source.EXTERNAL), None, SCORE)
    got = told(merged)
    assert (got.source, got.provider, got.input_mint) == ("external", "jupiter", KEY.input_mint)


def test_a_cap_is_told_by_name_beside_the_score_it_does_not_touch() -> None:
    got = told(row(held(price_impact_fraction=0.9999)))
    assert got.decision == "skip"
    assert [cap.model_dump(by_alias=True) for cap in got.caps] == [
        {"reason": "price_impact", "value": 0.9999, "limit": 0.05, "atMost": "skip"}
    ]
    assert got.confidence > 0.9


def test_a_platform_fee_is_kept_of_the_output_rounded_down_and_slippage_is_of_what_is_left() -> None:
    """As Jupiter told it of a swap of two parts: 227906608 + 531820709, 40 basis points, 10 of slippage."""
    asked = ASKED.model_copy(update={"platform_fee_bps": 40, "slippage_bps": 10})
    got = told(row(held(759_727_317)), asked)
    assert got.platform_fee == PlatformFee(amount="3038909", fee_bps=40)
    assert got.out_amount == "756688408"
    assert got.other_amount_threshold == str(756_688_408 * 9_990 // 10_000)


def test_no_platform_fee_is_none() -> None:
    assert told(row(held(759_727_317))).platform_fee is None
