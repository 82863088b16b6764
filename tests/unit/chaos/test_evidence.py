"""Evidence of a good run is without findings; every promise that could be broken is found broken."""

from dataclasses import replace

from chaos.evidence import ClockSpan, Evidence, HaltSpan, Sums, findings
from fakes.results import result

from quote_core.events import ExecutionResult, Outcome

S = 1_000_000_000
PID = 77
HALTS = [HaltSpan(begun_unix_ns=100 * S, ended_unix_ns=110 * S)]


def concluded(number: int, *, taken_s: int, outcome: Outcome = Outcome.FILLED) -> ExecutionResult:
    return replace(
        result(number=number), outcome=outcome, taken_unix_ns=taken_s * S, executor=f"host/{PID}", profit_lamports=5
    )


def evidence(*results: ExecutionResult) -> Evidence:
    return Evidence(plans={one.plan_id: 1 for one in results}, results=[(2, one) for one in results])


def found(of: Evidence, clocks: list[ClockSpan] | None = None) -> list[str]:
    return findings(of, halts=HALTS, clocks=clocks or [])


def test_a_good_run_has_no_findings():
    assert found(evidence(concluded(1, taken_s=99), concluded(2, taken_s=111))) == []


def test_a_second_result_is_found():
    one = concluded(1, taken_s=1)
    doubled = evidence(one)
    doubled.results.append((3, one))
    assert any("has 2 results" in sentence for sentence in found(doubled))


def test_a_result_without_a_plan_is_found():
    lonely = evidence(concluded(1, taken_s=1))
    lonely.plans.clear()
    assert any("has no plan" in sentence for sentence in found(lonely))


def test_a_plan_without_a_result_is_told():
    waiting = evidence(concluded(1, taken_s=1))
    waiting.plans[b"waits"] = 50
    assert waiting.without_result(stored_before_unix_ns=51) == [b"waits"]
    assert waiting.without_result(stored_before_unix_ns=50) == []


def test_a_trade_begun_while_halted_is_found_and_a_refusal_is_none():
    for outcome in (Outcome.FILLED, Outcome.FAILED):
        assert any("acknowledged halt" in one for one in found(evidence(concluded(1, taken_s=105, outcome=outcome))))
    assert found(evidence(concluded(1, taken_s=105, outcome=Outcome.REFUSED))) == []


def test_a_stepped_clock_neither_hides_nor_makes_a_trade_while_halted():
    hour = 3_600
    ahead = ClockSpan(pid=PID, step_s=hour, begun_unix_ns=90 * S, ended_unix_ns=200 * S)
    of_another = replace(ahead, pid=PID + 1)
    assert found(evidence(concluded(1, taken_s=105 + hour)), [ahead])
    assert found(evidence(concluded(1, taken_s=150 + hour)), [ahead]) == []
    assert found(evidence(concluded(1, taken_s=105)), [of_another])


def test_what_was_there_before_and_is_not_now_is_told():
    before = evidence(concluded(1, taken_s=1), concluded(2, taken_s=2))
    after = evidence(concluded(1, taken_s=1))
    assert len(after.lost_since(before)) == 2
    assert before.lost_since(after) == []
    changed = evidence(replace(concluded(1, taken_s=1), profit_lamports=6))
    assert len(changed.lost_since(after)) == 1


def test_flaws_of_the_journal_are_findings():
    flawed = evidence(concluded(1, taken_s=1))
    flawed.flaws.append("journal: a record was changed")
    assert found(flawed) == ["journal: a record was changed"]


def test_sums_are_plain_sums():
    outcomes = (Outcome.FILLED, Outcome.FILLED, Outcome.FAILED, Outcome.REFUSED, Outcome.ABANDONED)
    results = [concluded(number, taken_s=1, outcome=outcome) for number, outcome in enumerate(outcomes)]
    assert Sums.of(results) == Sums(filled_count=2, failed_count=1, refused_count=2, profit_lamports=15)
