"""The aggregator between quote services that speak real gRPC, and its clients and shared memory."""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest
from fakes.ports import free_port
from fakes.quote_services import FakeExternalService, FakeLocalService, serving
from fakes.running_aggregator import RunningAggregator, aggregator, aggregator_between
from fakes.waiting import DEADLINE_S, eventually

from quote_core.errors import ProviderUnavailable
from quote_core.generated.solquote.v1 import quote_aggregator_pb2 as pb
from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.tokens import load_tokens
from shm import Flag, HandleState, QuoteReader, Role

pytestmark = pytest.mark.integration

TOKENS = load_tokens()
SOL = TOKENS.resolve("SOL", field="").mint
USDC = TOKENS.resolve("USDC", field="").mint
MSOL = TOKENS.resolve("mSOL", field="").mint
SSOL = TOKENS.resolve("sSOL", field="").mint
ONE_SOL = 1_000_000_000


@pytest.fixture
def local() -> FakeLocalService:
    service = FakeLocalService()
    service.usd = {SOL: 140.0, USDC: 1.0, MSOL: 182.0}
    service.rates = {(SOL, USDC): 0.14, (USDC, SOL): 7.1, (SOL, MSOL): 0.769, (MSOL, SOL): 1.299}
    return service


@pytest.fixture
def external() -> FakeExternalService:
    return FakeExternalService()


@pytest.fixture
async def running(
    local: FakeLocalService, external: FakeExternalService, tmp_path: Path
) -> AsyncIterator[RunningAggregator]:
    async with aggregator_between(tmp_path, local=local, external=external) as service:
        yield service


async def test_a_wanted_output_is_quoted_by_our_own_engine_alone(
    running: RunningAggregator, external: FakeExternalService
) -> None:
    external.rates = {(SOL, USDC): 0.15}
    asked_before = external.request_count
    request = pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, output_amount=140_000_000)
    quote = await stub(running).GetQuote(request)
    assert (quote.input_amount, quote.output_amount, quote.best_source) == (ONE_SOL, 140_000_000, pb.QUOTE_SOURCE_LOCAL)
    assert quote.local.output_amount == 140_000_000
    assert not quote.HasField("external")
    assert external.request_count == asked_before


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, output_amount=5), "output_amount"),
        (pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=5, dexes=["pumpswap"]), "dexes"),
        (pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=5, max_hops=2), "max_hops"),
        (pb.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=5, max_splits=2), "max_splits"),
    ],
)
async def test_what_a_stream_cannot_follow_is_refused_by_name(
    running: RunningAggregator, request_: pb.AggregatedQuoteRequest, field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub(running).StreamQuotes(request_).read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(caught.value.details()).startswith(f"{field}: is of GetQuote alone")


def stub(running: RunningAggregator) -> pb_grpc.QuoteAggregatorServiceStub:
    return pb_grpc.QuoteAggregatorServiceStub(running.channel)


def ask(amount: int = ONE_SOL, *, input_mint: str = SOL, output_mint: str = USDC) -> pb.AggregatedQuoteRequest:
    return pb.AggregatedQuoteRequest(input_mint=input_mint, output_mint=output_mint, input_amount=amount)


async def code_of(call: "asyncio.Future[object]") -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await call
    return failure.value.code(), failure.value.details() or ""


async def test_watched_amount_is_answered_with_score_and_factors(running: RunningAggregator) -> None:
    # The oracle is asked apart from the stream: a quote that came first is scored with its price a second later.
    async with asyncio.timeout(DEADLINE_S):
        while not (quote := await stub(running).GetQuote(ask())).HasField("oracle_price"):  # noqa: ASYNC110  # remote
            await asyncio.sleep(0.005)
    assert quote.output_amount == quote.local.output_amount == 140_000_000
    assert quote.best_source == pb.QUOTE_SOURCE_LOCAL
    assert quote.local_confidence > 0.9
    assert quote.decision == pb.DECISION_EXECUTE
    assert quote.local_factors.oracle == pytest.approx(1.0)
    assert quote.oracle_price == pytest.approx(140.0)


async def test_unwatched_amount_is_asked_for(running: RunningAggregator) -> None:
    quote = await stub(running).GetQuote(ask(123_456_789))
    assert quote.output_amount == 17_283_950


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (ask(0), grpc.StatusCode.INVALID_ARGUMENT, "input_amount: must be from 1"),
        (ask(input_mint="not base58 0OIl"), grpc.StatusCode.INVALID_ARGUMENT, "input_mint: must be base58"),
        (ask(output_mint=SOL), grpc.StatusCode.INVALID_ARGUMENT, "output_mint: must differ"),
        (ask(output_mint="Vote111111111111111111111111111111111111111"), grpc.StatusCode.NOT_FOUND, "output_mint"),
        (ask(output_mint=SSOL), grpc.StatusCode.FAILED_PRECONDITION, "no pool"),
    ],
)
async def test_wrong_request_gets_its_code_and_names_the_field(
    running: RunningAggregator, request_: pb.AggregatedQuoteRequest, code: grpc.StatusCode, words: str
) -> None:
    got, details = await code_of(stub(running).GetQuote(request_))
    assert got is code
    assert words in details


async def test_bytes_that_are_no_request_are_refused_by_name(running: RunningAggregator) -> None:
    call = running.channel.unary_unary("/solquote.v1.QuoteAggregatorService/GetQuote")
    code, details = await code_of(call(b"\xff"))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert details.startswith("request: ")


async def test_held_row_is_told_with_all_that_its_source_said(running: RunningAggregator) -> None:
    # A quote of the stream says how far it is from the oracle; the stand-in's single answers do not.
    async with asyncio.timeout(DEADLINE_S):
        while not (quote := await stub(running).GetQuote(ask())).local.HasField("deviation_percent"):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    assert quote.version == 0, "of a stream's rows, not of single answers"
    assert quote.local.route[0].output_amount == quote.local.output_amount == 140_000_000
    assert quote.local.protocol == quote.local.route[0].protocol == "raydium_cpmm"
    oracle_price = quote.local.oracle_price
    assert quote.local.deviation_percent == (140_000_000 / ONE_SOL * 1_000.0 - oracle_price) / oracle_price * 100


async def test_batch_stream_sends_every_combination_once_then_what_changes(
    running: RunningAggregator, local: FakeLocalService
) -> None:
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[
            quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC),
            quotes_pb2.TokenPair(input_mint=SOL, output_mint="nonsense"),
            quotes_pb2.TokenPair(input_mint=SOL, output_mint=MSOL, rows=[70, 71]),
            quotes_pb2.TokenPair(input_mint=SOL, output_mint=SSOL, amounts=[ONE_SOL]),
        ],
        amounts=[ONE_SOL, 777],
        refresh_interval_ms=60_000,
    )
    stream = stub(running).StreamBatchQuotes(request)
    first = await stream.read()
    assert first.snapshot
    by_row = {quote.row: quote for quote in first.quotes}
    assert sorted(by_row) == [0, 1, 2, 3, 6, 70, 71]
    assert by_row[0].output_amount == 140_000_000
    assert by_row[1].output_amount == 108
    assert by_row[2].error.code == by_row[3].error.code == "INVALID_ARGUMENT"
    assert by_row[70].output_amount == 769_000_000
    assert by_row[6].error.code == "FAILED_PRECONDITION"

    await local.change({(SOL, USDC): 0.15})
    seen: dict[int, int] = {}
    while 0 not in seen or 1 not in seen:
        message = await stream.read()
        assert not message.snapshot
        seen.update((quote.row, quote.output_amount) for quote in message.quotes)
    assert seen[0] == 150_000_000
    stream.cancel()


async def test_both_files_hold_what_the_services_said(
    running: RunningAggregator, external: FakeExternalService
) -> None:
    await external.change({(SOL, USDC): 0.1401})
    with QuoteReader.open(running.shm_dir) as reader:
        internal = reader.handle(SOL, USDC, ONE_SOL, role=Role.INTERNAL)
        outside = reader.handle(SOL, USDC, ONE_SOL, role=Role.EXTERNAL)
        await eventually(lambda: bool(internal) and bool(outside))
        # The oracle is asked apart from the stream: a quote that came first has its price with the next confirmation.
        await eventually(lambda: not math.isnan(internal.fresh().oracle_price))
        quote = internal.fresh()
        assert quote.output_amount == 140_000_000
        assert quote.dex_id == 2
        assert quote.source == 1
        assert quote.oracle_price == pytest.approx(140.0)
        assert quote.confidence_bps > 9_000
        assert quote.price_impact_ppm == 200
        assert Flag.CONFIDENCE_PRESENT in quote.flags
        assert outside.fresh().output_amount == 140_100_000
        assert outside.fresh().source == 2


async def test_reverse_rows_have_the_size_of_forward_rows_at_the_oracle_price(running: RunningAggregator) -> None:
    with QuoteReader.open(running.shm_dir) as reader:
        reverse = reader.handle(USDC, SOL, 140_000_000)
        await eventually(lambda: bool(reverse))
        assert not reader.handle(USDC, SOL, 1_000_000)


async def test_pair_without_liquidity_is_not_in_shared_memory(running: RunningAggregator) -> None:
    with QuoteReader.open(running.shm_dir) as reader:
        await eventually(lambda: bool(reader.handle(SOL, USDC, ONE_SOL)))
        assert not reader.handle(SOL, SSOL, ONE_SOL)


async def test_one_stream_to_each_service_whatever_the_number_of_subscribers(
    running: RunningAggregator, local: FakeLocalService, external: FakeExternalService
) -> None:
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)], amounts=[ONE_SOL]
    )
    streams = [stub(running).StreamBatchQuotes(request) for _ in range(5)]
    for stream in streams:
        assert (await stream.read()).quotes[0].output_amount == 140_000_000
    await eventually(lambda: local.open_count == 1 and external.open_count == 1)
    for stream in streams:
        stream.cancel()


async def test_client_rows_are_given_back_when_the_last_subscriber_leaves(
    running: RunningAggregator, local: FakeLocalService
) -> None:
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)], amounts=[424_242]
    )
    stream = stub(running).StreamBatchQuotes(request)
    assert (await stream.read()).quotes[0].output_amount == 59_393

    def asked_for() -> bool:
        return any(424_242 in pair.amounts for pair in local.streams[-1].pairs)

    await eventually(asked_for)
    stream.cancel()
    await eventually(lambda: not asked_for())


async def test_more_quotes_than_the_table_holds_are_refused(running: RunningAggregator) -> None:
    request = quotes_pb2.BatchQuoteRequest(
        pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)], amounts=range(1, 2_002)
    )
    code, details = await code_of(stub(running).StreamBatchQuotes(request).read())
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "2001 quotes asked for, at most 2000" in details


async def test_row_numbers_that_do_not_fit_are_refused(running: RunningAggregator) -> None:
    pair = quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC, amounts=[1, 2], rows=[1])
    code, details = await code_of(stub(running).StreamBatchQuotes(quotes_pb2.BatchQuoteRequest(pairs=[pair])).read())
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "pairs[0].rows" in details


async def test_local_answer_comes_at_once_and_the_external_one_as_an_update(
    running: RunningAggregator, external: FakeExternalService
) -> None:
    external.rates[(SOL, USDC)] = 0.139
    external.delay_s = 0.05
    stream = stub(running).StreamQuotes(ask(555_555_555))
    first = await stream.read()
    assert first.local.output_amount == 77_777_777
    assert not first.HasField("external")
    later = await stream.read()
    while not later.HasField("external"):  # something else has changed meanwhile
        later = await stream.read()
    assert later.external.output_amount == 77_222_222
    assert later.local.output_amount == 77_777_777
    stream.cancel()


async def test_stream_of_one_quote_says_that_nobody_answers_and_goes_on_when_somebody_does(
    local: FakeLocalService, tmp_path: Path
) -> None:
    port = free_port()
    nowhere = f"127.0.0.1:{free_port()}"
    async with aggregator(tmp_path, local_address=f"127.0.0.1:{port}", external_address=nowhere) as running:
        stream = stub(running).StreamQuotes(ask(555_555_555))
        first = await stream.read()
        assert first.error.code == "UNAVAILABLE"
        assert first.decision == pb.DECISION_SKIP
        async with serving(local=local, port=port):
            second = await stream.read()
            assert second.output_amount == 77_777_777
            assert not second.HasField("error")
        stream.cancel()


async def test_route_id_resolves_to_the_route(running: RunningAggregator) -> None:
    quote = await stub(running).GetQuote(ask())
    route = await stub(running).GetRoute(pb.RouteRequest(route_id=quote.local.route_id))
    assert [hop.pool_id for hop in route.route] == [quote.local.pool_id]
    code, _ = await code_of(stub(running).GetRoute(pb.RouteRequest(route_id=1)))
    assert code is grpc.StatusCode.NOT_FOUND


async def test_health_names_what_is_missing(running: RunningAggregator) -> None:
    with QuoteReader.open(running.shm_dir) as reader:
        await eventually(lambda: bool(reader.handle(USDC, SOL, 140_000_000)))
    report = await stub(running).Health(quotes_pb2.HealthRequest())
    assert report.serving
    assert report.figures["rows"] == 15 * 40 + 2 * 40
    assert "local quote service does not deliver" not in report.findings


async def test_starts_before_its_services_and_takes_them_up_when_they_come(
    local: FakeLocalService, tmp_path: Path
) -> None:
    port = free_port()
    nowhere = f"127.0.0.1:{free_port()}"
    async with aggregator(tmp_path, local_address=f"127.0.0.1:{port}", external_address=nowhere) as running:
        code, details = await code_of(stub(running).GetQuote(ask()))
        assert code is grpc.StatusCode.UNAVAILABLE
        assert "local quote service: cannot be reached" in details
        async with serving(local=local, port=port):
            with QuoteReader.open(tmp_path) as reader:
                await eventually(lambda: bool(reader.handle(SOL, USDC, ONE_SOL)))
            quote = await stub(running).GetQuote(ask())
            assert quote.output_amount == 140_000_000


async def test_service_that_is_gone_makes_quotes_stale_and_its_return_makes_them_fresh(
    local: FakeLocalService, tmp_path: Path
) -> None:
    port = free_port()
    async with aggregator(
        tmp_path,
        local_address=f"127.0.0.1:{port}",
        external_address=f"127.0.0.1:{free_port()}",
        local_stale_after="300ms",
        refresh_interval="100ms",
    ) as running:
        request = quotes_pb2.BatchQuoteRequest(
            pairs=[quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)],
            amounts=[ONE_SOL],
            refresh_interval_ms=60_000,
        )
        with QuoteReader.open(tmp_path) as reader:
            handle = reader.handle(SOL, USDC, ONE_SOL)
            async with serving(local=local, port=port):
                await eventually(lambda: bool(handle))
                stream = stub(running).StreamBatchQuotes(request)
                await told_stale(stream, is_stale=False)
            marked = await told_stale(stream, is_stale=True)
            assert marked.decision == pb.DECISION_SKIP
            await eventually(lambda: not handle)
            assert handle.state is HandleState.STALE
            code, _ = await code_of(stub(running).GetQuote(ask()))
            assert code is grpc.StatusCode.UNAVAILABLE
            async with serving(local=local, port=port):
                await eventually(lambda: bool(handle))
                await told_stale(stream, is_stale=False)
            stream.cancel()


async def told_stale(
    stream: "grpc.aio.UnaryStreamCall[quotes_pb2.BatchQuoteRequest, pb.BatchQuoteResponse]", *, is_stale: bool
) -> pb.AggregatedQuote:
    """The next quote told as such: on a busy machine one is stale for a while in between."""
    async with asyncio.timeout(DEADLINE_S):
        while (quote := (await stream.read()).quotes[0]).local.is_stale is not is_stale:
            pass
    return quote


async def test_external_answer_stands_in_when_the_local_service_is_down(
    external: FakeExternalService, tmp_path: Path
) -> None:
    external.rates[(SOL, USDC)] = 0.139
    async with (
        serving(external=external) as address,
        aggregator(tmp_path, local_address=f"127.0.0.1:{free_port()}", external_address=address) as running,
    ):
        quote = await stub(running).GetQuote(ask(5_000_000))
        assert quote.best_source == pb.QUOTE_SOURCE_EXTERNAL
        assert quote.output_amount == 695_000


async def test_hung_local_service_ends_in_a_deadline(
    local: FakeLocalService, external: FakeExternalService, tmp_path: Path
) -> None:
    local.is_silent = True
    async with (
        serving(local=local) as local_address,
        serving(external=external) as external_address,
        aggregator(
            tmp_path,
            local_address=local_address,
            external_address=external_address,
            local_timeout="1s",
            external_timeout="2s",
        ) as running,
    ):
        code, _ = await code_of(stub(running).GetQuote(ask(5_000_001)))
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_second_aggregator_on_the_same_files_is_refused_and_the_first_goes_on(
    running: RunningAggregator,
) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    with pytest.raises(ProviderUnavailable, match="shared memory in"):
        async with aggregator(running.shm_dir, local_address=nowhere, external_address=nowhere):
            pass
    assert (await stub(running).GetQuote(ask())).output_amount == 140_000_000


async def test_restart_takes_the_files_over_and_readers_go_on(
    local: FakeLocalService, external: FakeExternalService, tmp_path: Path
) -> None:
    async with serving(local=local) as local_address, serving(external=external) as external_address:
        with QuoteReader.open(tmp_path) as reader:
            handle = reader.handle(SOL, USDC, ONE_SOL)
            for _ in range(2):
                async with aggregator(tmp_path, local_address=local_address, external_address=external_address):
                    await eventually(lambda: bool(handle))
                assert not handle
