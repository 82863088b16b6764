from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, SOL, USDC, S, held, merged

from aggregator import wire
from aggregator.confidence import Confidence, Factors
from aggregator.held import Refusal, Source
from aggregator.routes import Route
from aggregator.row_bytes import batch_message
from aggregator.selection import merge
from quote_core.errors import InvalidField
from quote_core.generated.solquote.v1 import external_quote_pb2, local_quote_pb2, quotes_pb2
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.serving import Combination

LOCAL_SCORE = Confidence(0.91, Factors(0.9, 1.0, 0.8, 1.0, 0.7))
EXTERNAL_SCORE = Confidence(0.72, Factors(0.5, 0.8, 0.6, 0.99, 1.0))


def test_row_decodes_to_what_was_encoded() -> None:
    row = merge(held(), held(139_000_000, source=Source.EXTERNAL), LOCAL_SCORE, EXTERNAL_SCORE)
    row = row._replace(oracle_rate=140.0, oracle_disagreement=0.05)
    quote = pb.AggregatedQuote.FromString(wire.encode_row(wire.row_prefix(KEY), row, 42))
    assert (quote.input_mint, quote.output_mint, quote.input_amount) == (SOL, USDC, 1_000_000_000)
    assert quote.local.output_amount == quote.output_amount == 140_000_000
    assert quote.external.output_amount == 139_000_000
    assert quote.external.provider == "jupiter"
    assert quote.best_source == pb.QUOTE_SOURCE_LOCAL
    assert quote.decision == pb.DECISION_EXECUTE
    assert quote.local_confidence == 0.91
    assert quote.external_confidence == 0.72
    assert quote.local_factors.slippage == 0.7
    assert quote.external_factors.provider == 0.99
    assert quote.oracle_price == 140.0
    assert quote.oracle_disagreement == 0.05
    assert quote.version == 42
    assert not quote.HasField("error")


def test_row_without_a_price_has_its_reason_and_no_score() -> None:
    row = merge(held(refusal=Refusal("FAILED_PRECONDITION", "no pool")), None, None, None)
    quote = pb.AggregatedQuote.FromString(wire.encode_row(wire.row_prefix(KEY), row, 1))
    assert quote.error == quotes_pb2.QuoteError(code="FAILED_PRECONDITION", message="no pool")
    assert quote.best_source == pb.QUOTE_SOURCE_UNSPECIFIED
    assert quote.decision == pb.DECISION_SKIP
    assert not quote.HasField("local_factors")


def test_message_made_of_ready_rows_is_a_batch_with_each_subscribers_own_row_numbers() -> None:
    body = wire.encode_row(wire.row_prefix(KEY), merge(held(), None, LOCAL_SCORE, None), 1)
    told = [(body, wire.row_suffix(number)) for number in (0, 5, 300, 2**32 - 1)]
    message = pb.BatchQuoteResponse.FromString(batch_message(told, sequence=9, snapshot=True))
    assert [quote.row for quote in message.quotes] == [0, 5, 300, 2**32 - 1]
    assert {quote.output_amount for quote in message.quotes} == {140_000_000}
    assert message.sequence == 9
    assert message.snapshot


def test_refused_combination_comes_back_as_it_was_asked_with_the_reason() -> None:
    asked = Combination(3, "nonsense", USDC, 0)
    body = wire.refused_body(asked, InvalidField("input_mint", "must be base58"))
    quote = pb.AggregatedQuote.FromString(body)
    assert (quote.input_mint, quote.output_mint, quote.input_amount) == ("nonsense", USDC, 0)
    assert quote.error.code == "INVALID_ARGUMENT"


def test_age_and_staleness_are_those_of_the_telling_not_of_the_source() -> None:
    clock = FakeClock()
    local, external = held(age_ns=2 * S), held(source=Source.EXTERNAL)
    clock.advance_ns(4 * S)
    body = wire.encode_row(wire.row_prefix(KEY), merged(local, external, clock), 1)
    quote = pb.AggregatedQuote.FromString(body)
    assert quote.local.pool_state_age_ms == 6_000
    assert quote.local.is_stale
    assert quote.external.price_cache_age_ms == 4_000
    assert not quote.external.is_stale
    assert quote.best_source == pb.QUOTE_SOURCE_EXTERNAL


def test_what_caps_a_decision_is_told_of_each_source_by_name() -> None:
    row = merged(held(price_impact_fraction=0.02), held(100_000_000, source=Source.EXTERNAL))
    quote = pb.AggregatedQuote.FromString(wire.encode_row(wire.row_prefix(KEY), row, 1))
    (local,), (external,) = quote.local_caps, quote.external_caps
    impact = pb.DecisionCap(reason=pb.CAP_REASON_PRICE_IMPACT, value=0.02, limit=0.01, at_most=pb.DECISION_CAUTIOUS)
    assert local == impact
    assert (external.reason, external.at_most) == (pb.CAP_REASON_ORACLE_DEVIATION, pb.DECISION_SKIP)
    assert quote.decision == pb.DECISION_CAUTIOUS
    assert quote.local_confidence > 0.9, "the formula's, whatever caps it"


def test_a_route_keeps_its_pools_origin_whoever_quoted_it_last() -> None:
    def hop(protocol: str, amount: int, provenance: quotes_pb2.Provenance) -> quotes_pb2.RouteHop:
        return quotes_pb2.RouteHop(pool_id="p", protocol=protocol, output_amount=amount, provenance=provenance)

    local = held()._replace(
        message=local_quote_pb2.LocalQuote(
            route=[hop("orca_whirlpool", 1, quotes_pb2.PROVENANCE_RECORDED)]
        ).SerializeToString()
    )
    outside = hop("Whirlpool", 2, quotes_pb2.PROVENANCE_UNSPECIFIED)
    external = held(source=Source.EXTERNAL)._replace(
        message=external_quote_pb2.ExternalQuote(route_plan=[outside]).SerializeToString()
    )
    told = [
        pb.RouteResponse.FromString(wire.route_message(77, route)).route[0]
        for route in (Route(local, local), Route(external, local), Route(external, external))
    ]
    assert [hop.output_amount for hop in told] == [1, 2, 2]
    assert told[0].provenance == told[1].provenance == quotes_pb2.PROVENANCE_RECORDED
    assert told[0].protocol == told[1].protocol == "orca_whirlpool"
    assert told[2] == outside, "what nobody here knows is as the provider said"
    (unchanged,) = external_quote_pb2.ExternalQuote.FromString(external.message).route_plan
    assert unchanged == outside, "and no quote is changed"
    assert (unchanged.protocol, unchanged.provenance) == ("Whirlpool", quotes_pb2.PROVENANCE_UNSPECIFIED)
