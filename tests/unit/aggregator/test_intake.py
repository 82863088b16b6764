import asyncio

import pytest
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, SOL, TOKENS, USDC, held

from aggregator import wire
from aggregator.confidence import Confidence
from aggregator.held import HeldQuote, Source
from aggregator.intake import SLICE_QUOTES_MAX, Intake
from aggregator.oracle import OraclePrices
from aggregator.routes import Routes
from aggregator.subscriptions import Subscriptions
from aggregator.table import QuoteTable
from quote_core.generated.solquote.v1 import external_quote_pb2, local_quote_pb2
from quote_core.quotes import QuoteKey

S = 1_000_000_000
_Scored = tuple[HeldQuote, Confidence | None]


class Publisher:
    """Records what would go to shared memory, a list a call."""

    def __init__(self) -> None:
        self.published: list[list[_Scored]] = []
        self.confirmed: list[list[_Scored]] = []

    def publish(self, quotes: list[_Scored]) -> None:
        self.published.append(quotes)

    def confirm(self, quotes: list[_Scored]) -> None:
        self.confirmed.append(quotes)


class Parts:
    """An intake and everything it tells."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.table = QuoteTable(
            tokens=TOKENS, clock=self.clock, stale_after_ns=dict.fromkeys(Source, 3 * S), encoder=wire
        )
        self.table.row_added(0, KEY)
        self.local, self.external = Publisher(), Publisher()
        self.subscriptions = Subscriptions()
        self.routes = Routes()
        self.oracle = OraclePrices()
        self.observed_s: list[float] = []
        self.intake = Intake(
            table=self.table,
            publishers={Source.LOCAL: self.local, Source.EXTERNAL: self.external},  # type: ignore[dict-item]
            subscriptions=self.subscriptions,
            routes=self.routes,
            oracle=self.oracle,
            clock=self.clock,
            observe_pool_to_shm_s=self.observed_s.append,
        )


@pytest.fixture
def parts() -> Parts:
    return Parts()


def local_quote(row: int = 0, *, amount: int = 1_000_000_000, received_ns: int = 0) -> local_quote_pb2.LocalQuote:
    return local_quote_pb2.LocalQuote(
        input_mint=SOL,
        output_mint=USDC,
        input_amount=amount,
        output_amount=140_000_000,
        row=row,
        version=1,
        route_id=5,
        pool_received_mono_ns=received_ns,
    )


def test_change_reaches_shared_memory_routes_and_subscribers(parts: Parts) -> None:
    with parts.subscriptions.follow((0,)) as subscription:
        parts.intake.take(Source.LOCAL, [held()])
        assert subscription.take(10) == (0,)
    ((quote, confidence),) = parts.local.published[0]
    assert quote.output_amount == 140_000_000
    assert confidence is not None
    assert parts.routes.find(77) is not None
    assert parts.intake.quote_counts == {Source.LOCAL: 1, Source.EXTERNAL: 0}


def test_confirmation_is_no_change_to_anybody(parts: Parts) -> None:
    parts.intake.take(Source.LOCAL, [held()])
    with parts.subscriptions.follow((0,)) as subscription:
        parts.intake.take(Source.LOCAL, [held()])
        assert subscription.take(10) == ()
    assert parts.local.published[1] == []
    assert len(parts.local.confirmed[1]) == 1


async def test_external_quotes_go_to_their_own_file_scored_by_our_oracle(parts: Parts) -> None:
    parts.oracle.update({SOL: 140.0, USDC: 1.0})
    quote = external_quote_pb2.ExternalQuote(
        input_mint=SOL, output_mint=USDC, input_amount=1_000_000_000, output_amount=140_000_000, version=1
    )
    await parts.intake.external(external_quote_pb2.ExternalQuoteBatch(quotes=[quote]))
    ((_, confidence),) = parts.external.published[0]
    assert confidence is not None
    assert confidence.factors.oracle == pytest.approx(1.0)
    assert parts.local.published == []


def test_expired_quotes_become_stale_everywhere(parts: Parts) -> None:
    parts.intake.take(Source.LOCAL, [held(received_mono_ns=parts.clock.mono_ns())])
    parts.clock.advance_ns(3 * S + 1)
    with parts.subscriptions.follow((0,)) as subscription:
        parts.intake.expire()
        assert subscription.take(10) == (0,)
    ((quote, _),) = parts.local.published[-1]
    assert quote.is_stale


async def test_pool_update_is_one_unit_and_a_whole_table_lets_others_go_in_between(parts: Parts) -> None:
    count = 3 * SLICE_QUOTES_MAX
    for row in range(1, count):
        parts.table.row_added(row, QuoteKey(SOL, USDC, row))
    quotes = [local_quote(0), *(local_quote(row, amount=row) for row in range(1, count))]
    await parts.intake.local(local_quote_pb2.LocalQuoteBatch(quotes=quotes[:SLICE_QUOTES_MAX]))
    assert [len(batch) for batch in parts.local.published] == [SLICE_QUOTES_MAX]

    taking = asyncio.create_task(parts.intake.local(local_quote_pb2.LocalQuoteBatch(quotes=quotes)))
    await asyncio.sleep(0)
    assert len(parts.local.published) == 2, "after the first slice others had their turn"
    await taking
    assert parts.intake.quote_counts[Source.LOCAL] == count + SLICE_QUOTES_MAX


async def test_time_from_pool_update_is_observed_once_an_update(parts: Parts) -> None:
    received_ns = parts.clock.mono_ns() + 1
    parts.clock.advance_ns(4_000_001)
    for _ in range(2):
        await parts.intake.local(local_quote_pb2.LocalQuoteBatch(quotes=[local_quote(received_ns=received_ns)]))
    assert parts.observed_s == [pytest.approx(0.004)]
