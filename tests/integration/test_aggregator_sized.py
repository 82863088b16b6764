"""An aggregator whose files have other counts than the layout's, and all that reads them."""

import subprocess
from pathlib import Path

import grpc.aio
import pytest
from fakes.quote_services import FakeExternalService, FakeLocalService, serving
from fakes.running_aggregator import aggregator
from fakes.waiting import eventually
from prove.build import HERE, program

from quote_core.generated.solquote.v1 import quote_aggregator_pb2_grpc as pb_grpc
from quote_core.generated.solquote.v1 import quotes_pb2
from quote_core.settings import PlatformSettings, SettingsError
from quote_core.tokens import load_tokens
from quote_core.watch import watched_row_count
from shm import CONTRACT, ENTRY_COUNT, Liveness, QuoteReader, Role, State, TableCounts, inspect, row_of_index, verify

pytestmark = pytest.mark.integration

COUNTS = TableCounts(20_000, 4_096)
TOKENS = load_tokens()
SOL, USDC = (TOKENS.resolve(symbol, field="").mint for symbol in ("SOL", "USDC"))
WATCHED = watched_row_count(
    pair_count=len(TOKENS.pairs), amount_count=len(PlatformSettings.model_fields["watched_amounts"].default)
)
AMOUNTS = range(7_000_001, 7_003_001)
"""What a client asks for beside the watched amounts: more than a table of the layout's counts has room for."""


def in_c(how: str, path: Path) -> str:
    """What a reader in C, a process of its own, says of the file."""
    command = [str(program(HERE / "sized.c", "-O2")), how, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.fixture
def local() -> FakeLocalService:
    service = FakeLocalService()
    service.usd = {SOL: 140.0, USDC: 1.0}
    service.rates = {(SOL, USDC): 0.14, (USDC, SOL): 7.1}
    return service


async def subscribed(channel: grpc.aio.Channel) -> "grpc.aio.UnaryStreamCall[object, quotes_pb2.BatchQuoteResponse]":
    """A client's stream of `AMOUNTS`, which has begun."""
    pair = quotes_pb2.TokenPair(input_mint=SOL, output_mint=USDC)
    stream = pb_grpc.QuoteAggregatorServiceStub(channel).StreamBatchQuotes(
        quotes_pb2.BatchQuoteRequest(pairs=[pair], amounts=AMOUNTS)
    )
    await stream.read()
    return stream


async def test_every_reader_follows_an_aggregator_of_twenty_thousand_entries(
    local: FakeLocalService, tmp_path: Path
) -> None:
    async with (
        serving(local=local) as local_address,
        serving(external=FakeExternalService()) as external_address,
        aggregator(
            tmp_path,
            local_address=local_address,
            external_address=external_address,
            counts=COUNTS,
            client_rows_max=len(AMOUNTS),
        ) as running,
    ):
        path = tmp_path / Role.INTERNAL.file_name
        stream = await subscribed(running.channel)
        with QuoteReader.open(tmp_path) as reader:
            assert (reader.counts(Role.INTERNAL), reader.counts(Role.EXTERNAL)) == (COUNTS, COUNTS)
            handle = reader.handle(SOL, USDC, AMOUNTS[-1], role=Role.INTERNAL)
            await eventually(lambda: bool(handle))
            assert handle.output_amount == int(AMOUNTS[-1] * 0.14)
            assert row_of_index(handle.index) == WATCHED + len(AMOUNTS) - 1 > ENTRY_COUNT
            told = {index for index in reader.poll() if reader.view(index).role is Role.INTERNAL}
            assert handle.index in told
            await local.change({(SOL, USDC): 0.15})
            await eventually(lambda: bool(handle) and handle.output_amount == int(AMOUNTS[-1] * 0.15))
            changed: set[int] = set()

            def all_told() -> bool:
                changed.update(change.index for change in reader.poll_changes())
                return len([index for index in changed if row_of_index(index) >= WATCHED]) == len(AMOUNTS)

            await eventually(all_told)
            rows = reader.snapshot()
            assert rows[handle.index]["output_amount"] == int(AMOUNTS[-1] * 0.15)
            entries, slots, *quotes = in_c("read", path).split()
            assert (int(entries), int(slots)) == (COUNTS.entries, COUNTS.slots)
            assert f"{row_of_index(handle.index)}:{int(AMOUNTS[-1] * 0.15)}" in quotes
            assert in_c("read-contract", path) == "refused: 12"
            await eventually(lambda: reader.liveness(Role.INTERNAL) is Liveness.LIVE)  # after what kept it from beating
        report = inspect(path)
        assert (report.entry_count, report.ring_slots) == (COUNTS.entries, COUNTS.slots)
        assert report.used == WATCHED + len(AMOUNTS)
        assert report.valid >= len(AMOUNTS)
        assert report.state is State.LIVE
        assert verify(path) == []
        stream.cancel()


async def test_a_restart_with_other_counts_replaces_the_files_and_readers_go_on(
    local: FakeLocalService, tmp_path: Path
) -> None:
    async with serving(local=local) as local_address, serving(external=FakeExternalService()) as external_address:
        with QuoteReader.open(tmp_path) as reader:
            handle = reader.handle(SOL, USDC, 1_000_000_000)
            for counts in (CONTRACT, COUNTS, TableCounts(3_000, 512), CONTRACT):
                async with aggregator(
                    tmp_path, local_address=local_address, external_address=external_address, counts=counts
                ):
                    await eventually(lambda: bool(handle))
                    assert handle.output_amount == 140_000_000
                    assert reader.counts(Role.INTERNAL) == counts  # called at once
                assert not handle


async def test_files_with_no_room_for_what_is_watched_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=rf"SOLQUOTE_SHM_ENTRY_COUNT: must be at least {WATCHED}, .* got 1000"):
        async with aggregator(
            tmp_path, local_address="127.0.0.1:1", external_address="127.0.0.1:1", counts=TableCounts(1_000, 512)
        ):
            pass
    assert not list(tmp_path.glob("*.mmap"))
