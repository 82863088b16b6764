import asyncio

import pytest
from fakes.held_quotes import KEY, SOL, TOKENS, USDC, held, judge, oracle
from fakes.waiting import eventually

from aggregator.fanout import Fanout
from aggregator.held import HeldQuote, Refusal, Source
from aggregator.routes import Routes
from aggregator.rows import RowRegistry
from aggregator.selection import Merged
from aggregator.table import QuoteTable
from quote_core.clock import SYSTEM_CLOCK
from quote_core.dex.pool import SwapMode
from quote_core.quotes import QuoteKey
from quote_core.serving import QuoteRequest

MS = 1_000_000
OTHER = QuoteKey(SOL, USDC, 5)
JUDGE = judge(oracle(SYSTEM_CLOCK))


class Service:
    """Answers what it is told, when it is let."""

    def __init__(self, answer: HeldQuote | Refusal) -> None:
        self.answer = answer
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked_count = 0
        self.answered_count = 0

    async def quote(self, key: QuoteKey, **_: object) -> HeldQuote | Refusal:
        self.asked_count += 1
        await self.gate.wait()
        self.answered_count += 1
        return self.answer


@pytest.fixture
async def local() -> Service:
    return Service(held(700, key=OTHER, clock=SYSTEM_CLOCK))


@pytest.fixture
async def external() -> Service:
    return Service(held(690, key=OTHER, source=Source.EXTERNAL, clock=SYSTEM_CLOCK))


@pytest.fixture
def rows() -> RowRegistry:
    return RowRegistry(count_max=10, watched_count=0, client_rows_max=10)


@pytest.fixture
def table(rows: RowRegistry) -> QuoteTable:
    table = QuoteTable(tokens=TOKENS, clock=SYSTEM_CLOCK, judge=JUDGE)
    rows.listen(table)
    return table


@pytest.fixture
def fanout(rows: RowRegistry, table: QuoteTable, local: Service, external: Service) -> Fanout:
    return Fanout(
        rows=rows,
        table=table,
        judge=JUDGE,
        tokens=TOKENS,
        local=local,
        external=external,
        routes=Routes(),
        clock=SYSTEM_CLOCK,
        local_timeout_ns=5 * MS,
        external_timeout_ns=60 * MS,
    )


def outputs(merged: Merged) -> tuple[int | None, int | None]:
    return (
        merged.local.output_amount if merged.local else None,
        merged.external.output_amount if merged.external else None,
    )


async def test_fresh_row_is_answered_without_asking_anybody(
    fanout: Fanout, rows: RowRegistry, table: QuoteTable, local: Service
) -> None:
    rows.hold("client", (KEY,))
    table.take([held(clock=SYSTEM_CLOCK)])
    assert outputs(await fanout.quote(KEY)) == (140_000_000, None)
    assert local.asked_count == 0


async def test_only_a_fresh_local_answer_is_held(fanout: Fanout, rows: RowRegistry, table: QuoteTable) -> None:
    assert fanout.held(KEY) is None
    rows.hold("client", (KEY,))
    table.take([held(source=Source.EXTERNAL, clock=SYSTEM_CLOCK)])
    assert fanout.held(KEY) is None
    for refused_or_stale in (held(refusal=Refusal("NOT_FOUND", "no pool")), held(is_stale=True, clock=SYSTEM_CLOCK)):
        table.take([refused_or_stale])
        assert fanout.held(KEY) is None
    table.take([held(clock=SYSTEM_CLOCK)])
    merged = fanout.held(KEY)
    assert merged is not None
    assert outputs(merged) == (140_000_000, 140_000_000)


async def test_stale_row_is_never_passed_as_fresh(
    fanout: Fanout, rows: RowRegistry, table: QuoteTable, local: Service, external: Service
) -> None:
    rows.hold("client", (KEY,))
    table.take([held(is_stale=True, clock=SYSTEM_CLOCK)])
    local.answer = external.answer = Refusal("UNAVAILABLE", "down")
    merged = await fanout.quote(KEY)
    assert merged.best is None
    assert merged.refusal == Refusal("UNAVAILABLE", "down")


async def test_what_only_our_engine_answers_is_never_asked_outside(
    fanout: Fanout, local: Service, external: Service
) -> None:
    asked = QuoteRequest(SOL, USDC, 700, SwapMode.EXACT_OUT)
    assert outputs(await fanout.local_alone(asked)) == (700, None)
    local.answer = Refusal("FAILED_PRECONDITION", "SOL/USDC: no pool")
    assert (await fanout.local_alone(asked)).refusal == local.answer
    assert external.asked_count == 0


async def test_both_are_asked_at_once_and_merged(fanout: Fanout) -> None:
    assert outputs(await fanout.quote(OTHER)) == (700, 690)


async def test_slow_external_service_never_delays_the_local_answer(fanout: Fanout, external: Service) -> None:
    external.gate.clear()
    assert outputs(await fanout.quote(OTHER)) == (700, None)
    external.gate.set()


async def test_external_request_nobody_waits_for_is_left_to_finish(fanout: Fanout, external: Service) -> None:
    external.gate.clear()
    await fanout.quote(OTHER)
    external.gate.set()
    await eventually(lambda: external.answered_count == 1)


async def test_slow_local_service_is_overtaken_by_the_external_one(fanout: Fanout, local: Service) -> None:
    local.gate.clear()
    merged = await fanout.quote(OTHER)
    assert outputs(merged) == (None, 690)
    assert merged.best is Source.EXTERNAL


async def test_late_local_answer_is_welcome_when_the_external_service_has_none(
    fanout: Fanout, local: Service, external: Service
) -> None:
    external.answer = Refusal("UNAVAILABLE", "no provider is configured")
    local.gate.clear()
    asking = asyncio.create_task(fanout.quote(OTHER))
    asyncio.get_running_loop().call_later(0.02, local.gate.set)
    assert outputs(await asking) == (700, None)


async def test_local_service_down_and_external_up_gives_the_external_answer(fanout: Fanout, local: Service) -> None:
    local.answer = Refusal("UNAVAILABLE", "cannot be reached")
    assert outputs(await fanout.quote(OTHER)) == (None, 690)


async def test_both_hung_ends_in_a_deadline(fanout: Fanout, local: Service, external: Service) -> None:
    local.gate.clear()
    external.gate.clear()
    merged = await fanout.quote(OTHER)
    assert merged.refusal is not None
    assert merged.refusal.code == "DEADLINE_EXCEEDED"
    external.gate.set()


async def test_both_refusing_gives_the_local_services_reason(fanout: Fanout, local: Service, external: Service) -> None:
    local.answer = Refusal("FAILED_PRECONDITION", "no pool")
    external.answer = Refusal("UNAVAILABLE", "no provider is configured")
    assert (await fanout.quote(OTHER)).refusal == Refusal("FAILED_PRECONDITION", "no pool")


async def test_row_that_has_grown_old_in_the_table_is_asked_for_anew(
    fanout: Fanout, rows: RowRegistry, table: QuoteTable, local: Service
) -> None:
    rows.hold("client", (KEY,))
    table.take([held(clock=SYSTEM_CLOCK, age_ns=4_999_000_000)])
    local.answer = held(7, clock=SYSTEM_CLOCK)
    await asyncio.sleep(0.002)  # past its five seconds, and no sweep has been
    assert outputs(await fanout.quote(KEY))[0] == 7


async def test_stale_local_answer_does_not_keep_a_fresh_external_one_from_winning(
    fanout: Fanout, local: Service, external: Service
) -> None:
    local.answer = held(700, key=OTHER, clock=SYSTEM_CLOCK, age_ns=30_000_000_000)
    external.gate.clear()
    asking = asyncio.create_task(fanout.quote(OTHER))
    asyncio.get_running_loop().call_later(0.02, external.gate.set)
    merged = await asking
    assert merged.best is Source.EXTERNAL
    assert merged.local is not None
    assert merged.local.is_stale
