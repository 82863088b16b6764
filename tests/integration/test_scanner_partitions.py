"""Several scanners on one table of quotes and one bus: every gap is told of once, whoever dies."""

import math
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.pipeline_process import Child, pipeline_process, trading_allowed, until
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Event, TwoHopArbitrage
from quote_core.tokens import load_tokens
from shm import Flag, QuoteWriter

pytestmark = pytest.mark.integration
PAIRS = load_tokens().pairs
NAMES = {f"{pair.base.symbol}-{pair.quote.symbol}" for pair in PAIRS}
AMOUNT = 1_000_000_000
USABLE = {"flags": Flag.CONFIDENCE_PRESENT, "confidence_bps": 9_500, "price_impact_ppm": 100, "oracle_price": math.nan}


class Gaps:
    """A gap in every pair, anew in every slot."""

    def __init__(self, writer: QuoteWriter) -> None:
        self._writer = writer
        self.slot = 400
        for position, pair in enumerate(PAIRS):
            base, quote = (bytes(SoldersPubkey.from_string(token.mint)) for token in (pair.base, pair.quote))
            writer.assign(2 * position, base, quote)
            writer.assign(2 * position + 1, quote, base)

    def in_next_slot(self) -> None:
        self.slot += 1
        self._writer.beat()
        batch, now = self._writer.batch(), SYSTEM_CLOCK.unix_ns()
        for row in range(2 * len(PAIRS)):
            given = AMOUNT if row % 2 == 0 else AMOUNT * 102 // 100
            stamped = {"ts_ns": now, "route_id": row + 1, "slot": self.slot, **USABLE}
            batch.put(row, input_amount=AMOUNT, output_amount=given, **stamped)
        self._writer.publish_batch(batch)


@pytest.fixture
def gaps(tmp_path: Path) -> Iterator[Gaps]:
    with QuoteWriter.open(tmp_path) as writer:
        yield Gaps(writer)


@pytest.fixture
async def heard(bus: Bus) -> list[TwoHopArbitrage]:
    """What is published, also what the stream would drop as a repetition."""
    told: list[TwoHopArbitrage] = []

    def note(event: Event) -> None:
        assert isinstance(event, TwoHopArbitrage)
        told.append(event)

    await bus.listen("opportunity.two_hop.*", note)
    return told


class Scanners:
    """Starts them, each with a data folder of its own unless told otherwise."""

    def __init__(self, nats_url: str, folder: Path) -> None:
        self._nats_url = nats_url
        self._folder = folder

    def one(self, part: int, count: int, *, place: str = ""):  # type: ignore[no-untyped-def]
        own = self._folder / (place or f"{part}-of-{count}")
        own.mkdir(exist_ok=True)
        environ = {
            "SOLQUOTE_NATS_URL": self._nats_url,
            "SOLQUOTE_SHM_DIR": str(self._folder),
            "SOLQUOTE_DATA_DIR": str(own),
            "SOLQUOTE_SCANNER_PARTITION_INDEX": str(part),
            "SOLQUOTE_SCANNER_PARTITION_COUNT": str(count),
            "SOLQUOTE_SCANNER_METRICS_PORT": "0",
        }
        return pipeline_process("scanner", own, environ)


@pytest.fixture
def scanners(nats_url: str, tmp_path: Path) -> Scanners:
    return Scanners(nats_url, tmp_path)


def pairs_of(heard: list[TwoHopArbitrage], *, after_slot: int = 0) -> set[str]:
    return {event.pair for event in heard if event.header.slot > after_slot}


def assert_none_twice(heard: list[TwoHopArbitrage]) -> None:
    twice = [told for told, count in Counter((event.pair, event.header.slot) for event in heard).items() if count > 1]
    assert twice == []


def is_part(child: Child, part: int, count: int) -> bool:
    return child.said(f", partition {part} of {count}")


async def test_two_parts_have_every_pair_and_no_gap_is_told_of_twice(
    bus: Bus, scanners: Scanners, gaps: Gaps, heard: list[TwoHopArbitrage]
) -> None:
    async with trading_allowed(bus), scanners.one(0, 2) as first, scanners.one(1, 2) as second:
        await until(lambda: is_part(first, 0, 2) and is_part(second, 1, 2), gaps.in_next_slot)
        begun = gaps.slot
        await until(lambda: pairs_of(heard, after_slot=begun) == NAMES, gaps.in_next_slot)
        assert await first.code_on_sigterm(seconds=2) == 0
    assert_none_twice(heard)


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
async def test_who_stands_by_goes_on_for_who_is_gone(
    bus: Bus, scanners: Scanners, gaps: Gaps, heard: list[TwoHopArbitrage], ending: signal.Signals
) -> None:
    async with trading_allowed(bus), scanners.one(0, 1) as first:
        await until(lambda: pairs_of(heard) == NAMES, gaps.in_next_slot)
        async with scanners.one(0, 1, place="beside") as second:
            await until(lambda: second.said("standing by for partition 0 of 1, held by process"), gaps.in_next_slot)
            assert second.is_ready()
            first.process.send_signal(ending)
            gone = gaps.slot + 1
            await until(lambda: pairs_of(heard, after_slot=gone) == NAMES, gaps.in_next_slot)
            await until(lambda: is_part(second, 0, 1), gaps.in_next_slot)
            if ending is signal.SIGSTOP:
                first.process.send_signal(signal.SIGCONT)
                await until(lambda: "standing by" in first.lines[-1], gaps.in_next_slot)
    assert_none_twice(heard)


async def test_who_starts_again_in_the_place_of_one_that_was_killed_waits_for_nobody(
    bus: Bus, scanners: Scanners, gaps: Gaps, heard: list[TwoHopArbitrage]
) -> None:
    async with trading_allowed(bus):
        for _ in range(2):  # killed at the end of the context
            heard.clear()
            async with scanners.one(0, 1) as scanner:
                await until(lambda: pairs_of(heard) == NAMES, gaps.in_next_slot)
                assert not scanner.said("held by")
            assert_none_twice(heard)


async def test_scanners_of_another_count_wait_until_the_last_of_these_is_gone(
    bus: Bus, scanners: Scanners, gaps: Gaps, heard: list[TwoHopArbitrage]
) -> None:
    async with trading_allowed(bus), scanners.one(0, 2) as old:
        await until(lambda: is_part(old, 0, 2), gaps.in_next_slot)
        async with scanners.one(0, 1, place="new") as new:
            await until(lambda: new.said("held by scanners of 2 partitions"), gaps.in_next_slot)
            old.process.kill()
            await until(lambda: is_part(new, 0, 1), gaps.in_next_slot)
            begun = gaps.slot
            await until(lambda: pairs_of(heard, after_slot=begun) == NAMES, gaps.in_next_slot)
    assert_none_twice(heard)


async def test_a_part_that_is_none_is_refused_and_says_why(
    scanners: Scanners, capfd: pytest.CaptureFixture[str]
) -> None:
    async with scanners.one(2, 2) as scanner:
        assert await scanner.process.wait() == 2
    assert "partition_index is 2, but of partition_count 2 the last is 1" in capfd.readouterr().err
