import pytest

from quote_core.running.status import ProcessState
from solquote.supervisor.lifecycle import ProcessEvent, RestartPolicy, after

POLICY = RestartPolicy(delay_ns_min=100, delay_ns_max=1_000, settled_after_ns=5_000)


def test_a_good_life_goes_from_waiting_to_stopped():
    state = ProcessState.WAITING
    for event in (ProcessEvent.START, ProcessEvent.READY, ProcessEvent.STOP, ProcessEvent.END):
        state = after(state, event)
    assert state is ProcessState.STOPPED


def test_a_failure_leads_back_to_waiting():
    state = ProcessState.HEALTHY
    for event in (ProcessEvent.FAIL, ProcessEvent.RETRY):
        state = after(state, event)
    assert state is ProcessState.WAITING


def test_what_cannot_happen_is_a_broken_invariant():
    with pytest.raises(AssertionError, match="READY in STOPPED"):
        after(ProcessState.STOPPED, ProcessEvent.READY)


@pytest.mark.parametrize(("failures", "delay_ns"), [(1, 100), (2, 200), (4, 800), (5, 1_000), (1_000, 1_000)])
def test_the_delay_doubles_up_to_its_limit(failures: int, delay_ns: int):
    assert POLICY.delay_ns(failures) == delay_ns


def test_failures_in_a_row_add_up_until_a_run_was_long_enough():
    assert POLICY.failure_count(3, ran_ns=4_999) == 4
    assert POLICY.failure_count(3, ran_ns=5_000) == 1
