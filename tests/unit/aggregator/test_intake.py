import asyncio
from collections.abc import Iterator

import pytest
from fakes.column_messages import columns_message
from fakes.fake_clock import FakeClock
from fakes.held_quotes import KEY, SOL, TOKENS, USDC, S, held, judge, oracle
from fakes.quote_files import QuoteFiles, quote_files
from fakes.vouched import freshness_message

from aggregator.held import Refusal, Source
from aggregator.intake import SLICE_QUOTES_MAX, Intake
from aggregator.routes import Routes
from aggregator.table import QuoteTable
from quote_core.errors import LayoutMismatch
from quote_core.generated.solquote.v1 import external_quote_pb2, local_quote_pb2
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.quotes import QuoteKey
from quote_core.serving import Subscriptions
from shm import Flag


class Parts:
    """An intake and everything it tells."""

    def __init__(self, files: QuoteFiles) -> None:
        self.clock = FakeClock()
        self.table = QuoteTable(
            tokens=TOKENS,
            clock=self.clock,
            judge=judge(oracle(self.clock)),
            local_file=files.local,
            external_file=files.external,
        )
        self.table.row_added(0, KEY)
        self.files = files
        self.local, self.external = files.writers[Source.LOCAL], files.writers[Source.EXTERNAL]
        self.subscriptions = Subscriptions[int, bytes](count_max=10)
        self.routes = Routes()
        self.intake = Intake(
            table=self.table,
            subscriptions=self.subscriptions,
            routes=self.routes,
            clock=self.clock,
        )


@pytest.fixture
def parts() -> Iterator[Parts]:
    with quote_files() as files:
        yield Parts(files)


def local_quote(
    row: int = 0, *, amount: int = 1_000_000_000, received_ns: int = 0, output: int = 140_000_000, impact: float = 0.0
) -> local_quote_pb2.LocalQuote:
    return local_quote_pb2.LocalQuote(
        input_mint=SOL,
        output_mint=USDC,
        input_amount=amount,
        output_amount=output,
        price_impact=impact,
        freshness=freshness_message(FakeClock()),
        row=row,
        version=1,
        route_id=5,
        pool_received_mono_ns=received_ns,
    )


def test_change_reaches_shared_memory_routes_and_subscribers(parts: Parts) -> None:
    with parts.subscriptions.follow([(0, b"")]) as subscription:
        parts.intake.take(Source.LOCAL, [held()])
        assert subscription.take(10) == (0,)
    ((row, fields),) = parts.local.batches[0]
    assert (row, fields["output_amount"]) == (0, 140_000_000)
    assert fields["flags"] == Flag.VALID | Flag.ORACLE_PRESENT | Flag.CONFIDENCE_PRESENT
    assert parts.routes.find(77) is not None
    assert parts.intake.quote_counts == {Source.LOCAL: 1, Source.EXTERNAL: 0}


def test_confirmation_is_no_change_to_anybody(parts: Parts) -> None:
    parts.intake.take(Source.LOCAL, [held()])
    with parts.subscriptions.follow([(0, b"")]) as subscription:
        parts.intake.take(Source.LOCAL, [held()])
        assert subscription.take(10) == ()
    assert len(parts.local.batches) == 1
    assert parts.files.local.waiting_count == 1


async def test_external_quotes_go_to_their_own_file_scored_by_our_oracle(parts: Parts) -> None:
    quote = external_quote_pb2.ExternalQuote(
        input_mint=SOL,
        output_mint=USDC,
        input_amount=1_000_000_000,
        output_amount=140_000_000,
        version=1,
        freshness=freshness_message(parts.clock),
    )
    await parts.intake.external(external_quote_pb2.ExternalQuoteBatch(quotes=[quote]).SerializeToString())
    ((row, fields),) = parts.external.batches[0]
    assert (row, fields["source"]) == (0, Source.EXTERNAL)
    confidence = parts.table.merged(0).external_confidence
    assert confidence is not None
    assert confidence.factors.oracle == pytest.approx(1.0)
    assert fields["confidence_bps"] == round(confidence.capped_score * 10_000)
    assert parts.local.batches == []


def test_expired_quotes_become_stale_everywhere(parts: Parts) -> None:
    parts.intake.take(Source.LOCAL, [held(clock=parts.clock)])
    parts.clock.advance_ns(5 * S + 1)
    with parts.subscriptions.follow([(0, b"")]) as subscription:
        parts.intake.expire()
        assert subscription.take(10) == (0,)
    ((row, fields),) = parts.local.batches[-1]
    assert row == 0
    assert Flag.STALE in fields["flags"]  # type: ignore[operator]  # as read from the file


async def test_pool_update_is_one_unit_and_a_whole_table_lets_others_go_in_between(parts: Parts) -> None:
    count = 3 * SLICE_QUOTES_MAX
    for row in range(1, count):
        parts.table.row_added(row, QuoteKey(SOL, USDC, row))
    quotes = [local_quote(0), *(local_quote(row, amount=row) for row in range(1, count))]
    await parts.intake.local(columns_message(quotes[:SLICE_QUOTES_MAX]))
    assert [len(batch) for batch in parts.local.batches] == [SLICE_QUOTES_MAX]

    for quote in quotes:
        quote.version = 2
    taking = asyncio.create_task(parts.intake.local(columns_message(quotes)))
    await asyncio.sleep(0)
    assert len(parts.local.batches) == 2, "after the first slice others had their turn"
    await taking
    assert len(parts.local.batches) == 4
    assert parts.intake.quote_counts[Source.LOCAL] == count + SLICE_QUOTES_MAX


async def test_time_from_pool_update_is_observed_once_an_update(parts: Parts) -> None:
    received_ns = parts.clock.mono_ns() + 1
    parts.clock.advance_ns(4_000_001)
    for _ in range(2):
        await parts.intake.local(columns_message([local_quote(received_ns=received_ns)]))
    assert (parts.intake.pool_to_shm_s.count, parts.intake.pool_to_shm_s.total) == (1, pytest.approx(0.004))


@pytest.mark.parametrize(
    ("spoiled", "word"),
    [
        ({"output": 0}, "output_amount"),
        ({"output": 2**64 - 1}, "output_amount"),
        ({"impact": float("nan")}, "price_impact"),
        ({"impact": float("inf")}, "price_impact"),
        ({"impact": 1e308}, "price_impact"),
    ],
)
async def test_answer_that_no_quote_can_be_costs_its_row_and_no_other(
    parts: Parts, spoiled: dict[str, float], word: str
) -> None:
    parts.table.row_added(1, QuoteKey(SOL, USDC, 7))
    parts.intake.take(Source.LOCAL, [held(clock=parts.clock)])
    quotes = [local_quote(0, **spoiled), local_quote(1, amount=7)]  # type: ignore[arg-type]  # of the parameters
    await parts.intake.local(columns_message(quotes))
    assert parts.local.stale == [0], "shared memory marks it"
    assert [row for row, _ in parts.local.batches[-1]] == [1]
    refusal = parts.table.merged(0).refusal
    assert refusal is not None
    assert refusal.code == "DATA_LOSS"
    assert word in refusal.message
    assert parts.intake.impossible_counts[Source.LOCAL] == 1
    told = pb.AggregatedQuote.FromString(parts.table.body(0))
    assert (told.local.output_amount, told.local.price_impact, told.local.error.code) == (0, 0.0, "DATA_LOSS")


async def test_refusal_with_a_code_nobody_knows_can_still_be_passed_on(parts: Parts) -> None:
    quote = local_quote()
    quote.error.code, quote.error.message = "NO_SUCH_CODE", "x" * 10_000
    await parts.intake.local(columns_message([quote]))
    assert parts.table.merged(0).refusal == Refusal("UNKNOWN", "x" * 500)


async def test_a_quote_through_several_pools_goes_everywhere_with_its_hops_and_no_dex(parts: Parts) -> None:
    quote = local_quote()
    quote.protocol = "orca_whirlpool"
    for pool_id, protocol in (("p", "orca_whirlpool"), ("q", "raydium_cpmm")):
        quote.route.add(pool_id=pool_id, protocol=protocol, input_mint=pool_id, output_mint=pool_id + "x")
    message = local_quote_pb2.LocalQuoteColumns(routed=[quote], sequence=1)
    with parts.subscriptions.follow([(0, b"")]) as subscription:
        await parts.intake.local(message.SerializeToString())
        assert subscription.take(10) == (0,)
    ((row, fields),) = parts.local.batches[0]
    assert (row, fields["output_amount"], fields["dex_id"], fields["route_id"]) == (0, 140_000_000, 0, 5)
    confidence = parts.table.merged(0).local_confidence
    assert confidence is not None
    assert confidence.factors.route == pytest.approx(0.8)
    route = parts.routes.find(5)
    assert route is not None
    assert [hop.pool_id for hop in route.newest.route] == ["p", "q"]
    told = pb.AggregatedQuote.FromString(parts.table.body(0))
    assert [hop.pool_id for hop in told.local.route] == ["p", "q"]


async def test_message_that_is_none_is_refused_whole_and_by_name(parts: Parts) -> None:
    message = columns_message([local_quote()])
    with pytest.raises(LayoutMismatch, match="LocalQuoteColumns"):
        await parts.intake.local(message[:-3])
    with pytest.raises(LayoutMismatch, match="ExternalQuoteBatch"):
        await parts.intake.external(b"\xff")
    assert parts.local.batches == []
    assert not parts.table.is_answered(0)


async def test_route_of_columns_can_be_looked_up_with_its_newest_amounts(parts: Parts) -> None:
    parts.table.row_added(1, QuoteKey(SOL, USDC, 7))
    quotes = [local_quote(0), local_quote(1, amount=7, output=980)]
    for quote in quotes:
        quote.route.add(pool_id="p", protocol="orca_whirlpool", input_amount=quote.input_amount)
    await parts.intake.local(columns_message(quotes))
    route = parts.routes.find(5)
    assert route is not None
    (hop,) = route.newest.route
    assert (hop.pool_id, hop.protocol, hop.input_amount, hop.output_amount) == ("p", "orca_whirlpool", 7, 980)
