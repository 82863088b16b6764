import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from fakes.fake_clock import FakeClock
from fakes.held_quotes import TOKENS
from fakes.pipeline_events import cycle, opportunity, source_divergence
from fakes.plans import plan
from fakes.results import result
from fakes.waiting import DEADLINE_S

from aggregator.page.board import Board
from aggregator.page.pipeline import FoundLately, PipelinePanel, Plans, Profit, sampled
from pipeline.auditor.ledger import Ledger
from pipeline.health import report_of_window
from quote_core.bus.follow import Followed
from quote_core.events import Event, Outcome, PnlSnapshot, Rejection, RejectionCount, ServiceHealth, stamp
from quote_core.health import WorkFigures
from quote_core.settings import PlatformSettings

S = 1_000_000_000


def message(sequence: int = 1) -> Followed:
    return Followed(created="", subject="", sequence=sequence, stored_unix_ns=0, data=b"", remaining_count=0)


def test_findings_are_shown_newest_first_with_whole_tokens() -> None:
    findings = FoundLately(TOKENS)
    findings.take(opportunity(amount_in=2 * S), message(7))
    findings.take(opportunity(), message(8))
    content = findings.content()
    assert content["total"] == 8
    assert [item["amount"] for item in content["items"]] == [1.0, 2.0]
    newest = content["items"][0]
    assert (newest["pair"], newest["token"], newest["kind"]) == ("SOL-USDC", "SOL", "two hops")
    assert newest["profit_lamports"] == 9_485_000
    assert newest["gross_bps"] == 100


def test_cycles_and_sources_apart_are_shown_beside_round_trips() -> None:
    findings = FoundLately(TOKENS)
    for event in (cycle(), replace(cycle(), amounts=()), source_divergence()):
        findings.take(event, message())
    apart, triangle = findings.content()["items"]
    assert (triangle["pair"], triangle["kind"], triangle["amount"]) == ("SOL-USDC-JitoSOL", "3 legs", 1.0)
    assert (apart["kind"], apart["gross_bps"], apart["confidence"]) == ("off provider", 200, 0.8)


def test_only_so_many_findings_are_held() -> None:
    findings = FoundLately(TOKENS)
    for sequence in range(1, 1_001):
        findings.take(opportunity(), message(sequence))
    content = findings.content()
    assert content["total"] == 1_000
    assert len(content["items"]) == 60


def test_a_plan_is_open_until_its_result_has_come() -> None:
    plans = Plans()
    plans.take(plan(1), message())
    plans.take(plan(2), message())
    plans.take(result(5, number=1), message())
    told = plans.content()["plans"]
    assert [(one["plan_id"], one["outcome"]) for one in told] == [
        (plan(2).header.event_id.hex(), ""),
        (plan(1).header.event_id.hex(), "filled"),
    ]


def test_why_plans_were_not_filled_is_counted_by_the_kind_of_reason() -> None:
    plans = Plans()
    for number, (outcome, reason) in enumerate(
        [
            (Outcome.FILLED, ""),
            (Outcome.REFUSED, "duplicate: pool A was traded 20 ms ago"),
            (Outcome.REFUSED, "duplicate: pool B was traded 30 ms ago"),
            (Outcome.MISSED, "rival: somebody else was first"),
            (Outcome.FAILED, ""),
        ]
    ):
        plans.take(result(number=number, outcome=outcome, reason=reason), message())
    content = plans.content()
    assert content["not_filled"] == [
        {"reason": "duplicate", "count": 2},
        {"reason": "failed", "count": 1},
        {"reason": "rival", "count": 1},
    ]
    assert [trade["outcome"] for trade in content["trades"]] == ["failed", "missed", "refused", "refused", "filled"]


def health(service: str, *rejected: RejectionCount) -> ServiceHealth:
    return report_of_window(
        service,
        instance="1",
        before=WorkFigures(),
        now=WorkFigures(),
        window_ns=S,
        uptime_ms=1,
        serving=True,
        detail="",
        header=stamp(FakeClock()),
        rejected=rejected,
    )


def test_rejections_are_those_of_the_planners_newest_report() -> None:
    plans = Plans()
    few, more = (RejectionCount(reason=Rejection.TOO_GOOD, count=count) for count in (1, 4))
    plans.take(health("planner", few), message())
    plans.take(health("planner", more, RejectionCount(reason=Rejection.GATE, count=9)), message())
    plans.take(health("scanner"), message())
    assert plans.content()["rejected"] == [{"reason": "gate", "count": 9}, {"reason": "too_good", "count": 4}]


def snapshot(profit: int, clock: FakeClock, *, run_id: str = "one") -> PnlSnapshot:
    account = Ledger(capital_lamports=100 * S, run_id=run_id)
    account.add(result(profit))
    return account.snapshot(clock)


def test_the_account_is_the_auditors_newest_and_the_curve_how_it_came_to_be() -> None:
    clock, profit = FakeClock(), Profit()
    assert profit.content() == {"account": None, "curve": []}
    times = []
    for value in (0, 5, 3):
        profit.take(snapshot(value, clock), message())
        times.append(clock.unix_ns() // 1_000_000)
        clock.advance_ms(1_000)
    content = profit.content()
    assert content["account"]["profit_lamports"] == 3
    assert content["account"]["largest_amount_lamports"] == 1_000
    assert content["curve"] == [(times[0], 0), (times[1], 5), (times[2], 3)]


def test_a_curve_that_stands_still_needs_no_more_points_and_another_run_begins_a_new_one() -> None:
    clock, profit = FakeClock(), Profit()
    for _ in range(50):
        profit.take(snapshot(7, clock), message())
        clock.advance_ms(5_000)
    assert [value for _, value in profit.content()["curve"]] == [7, 7]
    profit.take(snapshot(1, clock, run_id="two"), message())
    assert [value for _, value in profit.content()["curve"]] == [1]


def test_a_long_curve_is_thinned_where_it_is_old_and_keeps_its_newest_points() -> None:
    clock, profit = FakeClock(), Profit()
    for value in range(3_000):
        profit.take(snapshot(value, clock), message())
        clock.advance_ms(500)
    curve = profit.content()["curve"]
    assert len(curve) <= 360
    assert [value for _, value in curve[-100:]] == list(range(2_900, 3_000))
    assert curve[0][1] < 100
    clock.advance_ms(3_600_000)
    for value in (5, 6):
        profit.take(snapshot(value, clock), message())
    assert len(profit.content()["curve"]) <= 3


def test_what_is_of_no_panel_is_passed_over() -> None:
    event: Event = replace(plan(1))
    profit, findings = Profit(), FoundLately(TOKENS)
    profit.take(event, message())
    findings.take(event, message())
    assert profit.content()["account"] is None
    assert findings.content()["items"] == []


async def test_without_its_secret_the_page_says_which_file_is_missing(tmp_path: Path) -> None:
    platform = PlatformSettings(nats_credentials=tmp_path, nats_url="nats://127.0.0.1:1")
    board = Board(viewer_count_max=1)
    running = asyncio.create_task(PipelinePanel(platform, TOKENS, clock=FakeClock()).run(board))
    told = b""
    async with asyncio.timeout(DEADLINE_S):
        with board.viewer(0) as viewer:
            while b"is not there" not in told:
                told = await board.frame(viewer) or b""
    running.cancel()
    assert str(tmp_path / "page") in told.decode()


async def batches(*sizes: int) -> AsyncIterator[Sequence[Followed]]:
    sequence = 0
    for size in sizes:
        yield [message(sequence := sequence + 1) for _ in range(size)]


async def test_of_a_large_batch_a_sample_is_read_and_always_its_last_message() -> None:
    taken = [[one.sequence for one in batch] async for batch in sampled(batches(3, 0, 1_000, 101))]
    assert taken[0] == [1, 2, 3]
    assert taken[1] == []
    assert len(taken[2]) == 100
    assert taken[2][-1] == 1_003
    assert len(taken[3]) == 51
    assert taken[3][-1] == 1_104
