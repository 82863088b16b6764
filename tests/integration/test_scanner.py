from pathlib import Path

import pytest
from fakes.nats_server import NatsServer
from fakes.pipeline_process import pipeline_process, trading_allowed, until
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Event, PriceDivergence, TwoHopArbitrage
from quote_core.tokens import load_tokens
from shm import Flag, QuoteWriter

pytestmark = pytest.mark.integration
SOL_AMOUNT = 1_000_000_000
USDC_AMOUNT = 140_000_000
PAIR = load_tokens().pairs[0]
SOL, USDC = (bytes(SoldersPubkey.from_string(token.mint)) for token in (PAIR.base, PAIR.quote))


def environ(nats_url: str, shm_dir: Path) -> dict[str, str]:
    return {"SOLQUOTE_NATS_URL": nats_url, "SOLQUOTE_SHM_DIR": str(shm_dir)}


class Offering:
    """Writes one pair's rows anew at every call, in a new slot each time unless told to stay."""

    def __init__(self, writer: QuoteWriter, *, lamports_back: int, oracle_price: float = 140.0) -> None:
        self._writer = writer
        self._lamports_back = lamports_back
        self._oracle_price = oracle_price
        self.slot = 400
        writer.assign(0, SOL, USDC)
        writer.assign(1, USDC, SOL)

    def again(self) -> None:
        self._writer.beat()
        offer(self._writer, slot=self.slot, lamports_back=self._lamports_back, oracle_price=self._oracle_price)

    def in_next_slot(self) -> None:
        self.slot += 1
        self.again()


def offer(writer: QuoteWriter, *, slot: int, lamports_back: int, oracle_price: float = 140.0) -> None:
    now = SYSTEM_CLOCK.unix_ns()
    flags = Flag.CONFIDENCE_PRESENT
    batch = writer.batch()
    batch.put(
        0,
        input_amount=SOL_AMOUNT,
        output_amount=USDC_AMOUNT,
        ts_ns=now,
        oracle_price=oracle_price,
        route_id=11,
        slot=slot,
        flags=flags,
        confidence_bps=9_500,
        price_impact_ppm=100,
    )
    batch.put(
        1,
        input_amount=USDC_AMOUNT,
        output_amount=lamports_back,
        ts_ns=now,
        oracle_price=1 / oracle_price,
        route_id=22,
        slot=slot,
        flags=flags,
        confidence_bps=9_000,
        price_impact_ppm=200,
    )
    writer.publish_batch(batch)


async def test_a_gap_in_shared_memory_becomes_one_opportunity_on_the_bus(
    nats_url: str, bus: Bus, tmp_path: Path
) -> None:
    heard: list[Event] = []
    await bus.listen("opportunity.two_hop.*", heard.append)
    async with trading_allowed(bus), pipeline_process("scanner", tmp_path, environ(nats_url, tmp_path)) as scanner:
        with QuoteWriter.open(tmp_path) as writer:
            offering = Offering(writer, lamports_back=SOL_AMOUNT * 101 // 100)
            await until(lambda: heard, offering.again)
            for _ in range(5):
                offering.again()
        assert await scanner.code_on_sigterm(seconds=2) == 0
    (found,) = heard
    assert isinstance(found, TwoHopArbitrage)
    assert (found.pair, found.amount_in, found.header.slot) == ("SOL-USDC", SOL_AMOUNT, 400)
    assert found.gross_profit_lamports == SOL_AMOUNT // 100
    assert found.net_profit_lamports == SOL_AMOUNT // 100 - SOL_AMOUNT // 2000 - 10_000 - 5_000
    assert (found.confidence_bps, found.price_impact_ppm) == (9_000, 300)


async def test_nothing_is_published_until_trading_is_known_to_be_active(
    nats_url: str, bus: Bus, tmp_path: Path
) -> None:
    heard: list[Event] = []
    await bus.listen("opportunity.two_hop.*", heard.append)
    with QuoteWriter.open(tmp_path) as writer:
        offering = Offering(writer, lamports_back=SOL_AMOUNT * 101 // 100)
        async with pipeline_process("scanner", tmp_path, environ(nats_url, tmp_path)) as scanner:
            await until(lambda: scanner.said("gated") and not scanner.said(" 0 gated"), offering.again)
            assert heard == []
            closed_slot = offering.slot
            async with trading_allowed(bus):
                await until(lambda: heard, offering.in_next_slot)
    assert all(event.header.slot > closed_slot for event in heard)


async def test_a_quote_far_off_its_oracle_is_told_of_once_a_direction(nats_url: str, bus: Bus, tmp_path: Path) -> None:
    heard: list[Event] = []
    await bus.listen("opportunity.price_divergence.*", heard.append)
    with QuoteWriter.open(tmp_path) as writer:
        offering = Offering(writer, lamports_back=SOL_AMOUNT * 98 // 100, oracle_price=137.0)
        async with trading_allowed(bus), pipeline_process("scanner", tmp_path, environ(nats_url, tmp_path)):
            await until(lambda: len(heard) >= 2, offering.in_next_slot)
            for _ in range(5):
                offering.in_next_slot()
    by_row = {event.row: event for event in heard if isinstance(event, PriceDivergence)}
    assert len(heard) == len(by_row) == 2
    assert by_row[0].divergence_bps == round((140.0 / 137.0 - 1) * 10_000)


async def test_the_scanner_outlives_its_neighbours(nats_server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    heard: list[Event] = []
    await bus.listen("opportunity.two_hop.*", heard.append)
    async with (
        trading_allowed(bus),
        pipeline_process("scanner", tmp_path, environ(nats_server.url, tmp_path)) as scanner,
    ):
        for _ in range(2):  # a second life of both the writer and the bus
            heard.clear()
            with QuoteWriter.open(tmp_path) as writer:
                offering = Offering(writer, lamports_back=SOL_AMOUNT * 101 // 100)
                await until(lambda: heard, offering.in_next_slot)
            nats_server.stop()
            nats_server.start()
            await until(lambda: bus.is_connected)
        assert scanner.process.returncode is None
