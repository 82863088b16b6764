"""Whom the aggregator asks what a quote rests on, and what it adds."""

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import SOL, USDC, S, judge, oracle

from aggregator.evidence import EvidenceRelay
from aggregator.held import Refusal, Source
from quote_core.errors import InvalidField
from quote_core.generated.solquote.v1 import evidence_pb2
from quote_core.quote_id import quote_id_of

IDS = {source: quote_id_of(source, 7, SOL, 10**9, 140_000_000, 100) for source in Source}


class Service:
    """Tells what it was asked for."""

    def __init__(self, refusal: Refusal | None = None) -> None:
        self.refusal = refusal
        self.asked: list[str] = []

    async def explain(self, quote_id: str, *, timeout_ns: int) -> bytes | Refusal:
        self.asked.append(quote_id)
        evidence = evidence_pb2.QuoteEvidence(format=1, quote_id=quote_id, input_mint=SOL, output_mint=USDC)
        return self.refusal or evidence.SerializeToString()


def relay(clock: FakeClock, services: dict[Source, Service]) -> EvidenceRelay:
    return EvidenceRelay(services, judge=judge(oracle(clock)), clock=clock)


@pytest.mark.parametrize("source", Source)
async def test_whoever_gave_the_quote_is_asked_and_what_a_score_takes_is_added(source: Source) -> None:
    clock, services = FakeClock(), {one: Service() for one in Source}
    answer = await relay(clock, services).explain(IDS[source].text)
    assert isinstance(answer, bytes)
    evidence = evidence_pb2.QuoteEvidence.FromString(answer)
    assert evidence.quote_id == IDS[source].text
    assert {one: service.asked for one, service in services.items() if service.asked} == {source: [evidence.quote_id]}
    limits = judge(oracle(clock)).limits
    bounds = evidence.cap_bounds
    assert bounds.impact_cautious == limits.impact_cautious
    assert bounds.impact_skip == limits.impact_skip
    assert bounds.deviation_skip == limits.deviation_skip
    assert evidence.oracle_rate == 140.0


async def test_an_oracle_that_nobody_vouches_for_is_not_told() -> None:
    clock = FakeClock()
    asking = relay(clock, {Source.LOCAL: Service()})
    clock.advance_ns(3_600 * S)
    answer = await asking.explain(IDS[Source.LOCAL].text)
    assert isinstance(answer, bytes)
    assert not evidence_pb2.QuoteEvidence.FromString(answer).HasField("oracle_rate")


async def test_a_refusal_is_passed_on_as_it_is() -> None:
    refusal = Refusal("NOT_FOUND", "quote_id: nothing is kept of this quote")
    assert await relay(FakeClock(), {Source.LOCAL: Service(refusal)}).explain(IDS[Source.LOCAL].text) is refusal


async def test_what_is_no_id_asks_nobody() -> None:
    with pytest.raises(InvalidField, match="must have 52 characters"):
        await relay(FakeClock(), {}).explain("q")
