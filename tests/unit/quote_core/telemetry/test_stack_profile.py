import json
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest
from fakes.speedscope import check_speedscope, functions_of

from quote_core.clock import SYSTEM_CLOCK
from quote_core.telemetry.stack_profile import StackProfile, as_json, sample_stacks, turns_in_short


def parked(is_there: threading.Event, is_over: threading.Event) -> None:
    is_there.set()
    is_over.wait()


@pytest.fixture
def parked_thread() -> Iterator[threading.Thread]:
    is_there, is_over = threading.Event(), threading.Event()
    thread = threading.Thread(target=parked, args=(is_there, is_over), name="a parked thread")
    thread.start()
    is_there.wait()
    yield thread
    is_over.set()
    thread.join()


def innermost(depth: int) -> FrameType:
    return sys._getframe() if depth == 0 else innermost(depth - 1)


def other_function() -> FrameType:
    return sys._getframe()


def test_equal_neighbours_are_one_sample_and_time_is_kept():
    profile = StackProfile("a test")
    for frame in (innermost(0), innermost(0), other_function(), innermost(0)):
        profile.add({1: frame}, {1: "loop"}, weight_ns=10_000_000)
    document = profile.document()
    check_speedscope(document)
    (loop,) = document["profiles"]
    assert loop["weights"] == [0.02, 0.01, 0.01]
    names = [frame["name"].rpartition(".")[2] for frame in document["shared"]["frames"]]
    assert [names[stack[-1]] for stack in loop["samples"]] == ["innermost", "other_function", "innermost"]
    assert profile.sample_count == 4


def test_folded_stacks_are_added_up_by_thread_in_milliseconds_and_the_separator_is_theirs_alone():
    profile = StackProfile("a test")
    for frame in (innermost(0), other_function(), innermost(0)):
        profile.add({1: frame, 2: frame}, {1: "loop", 2: "a;b"}, weight_ns=10_400_000)
    profile.add({3: innermost(0)}, {3: "hardly there"}, weight_ns=400_000)
    lines = profile.folded().decode().splitlines()
    ends = [line.rpartition(".")[2] for line in lines]
    assert [line.split(";")[0] for line in lines] == ["loop", "loop", "a,b", "a,b"]
    assert ends == ["innermost 21", "other_function 10", "innermost 21", "other_function 10"]


def test_a_thread_that_comes_later_begins_later_and_one_without_a_name_has_its_number():
    profile = StackProfile("a test")
    profile.add({1: innermost(0)}, {1: "loop"}, weight_ns=1_000_000_000)
    profile.add({1: innermost(0), 2: innermost(0)}, {1: "loop"}, weight_ns=500_000_000)
    document = profile.document()
    check_speedscope(document)
    assert [(each["name"], each["startValue"], each["endValue"]) for each in document["profiles"]] == [
        ("loop", 0.0, 1.5),
        ("thread 2", 1.0, 1.5),
    ]


def test_of_a_stack_without_end_the_innermost_frames_count():
    frames: list[FrameType] = []

    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        else:
            frames.append(sys._getframe())
            profile.add({1: sys._getframe()}, {}, weight_ns=1)

    profile = StackProfile("a test")
    deep(600)
    document = profile.document()
    assert len(document["profiles"][0]["samples"][0]) == 256
    assert {name.rpartition(".")[2] for name in functions_of(document)[0]} == {"deep"}


def test_every_thread_but_the_looker_is_seen_the_main_thread_first(parked_thread: threading.Thread):
    profile = StackProfile("a test")
    whole = []

    def look() -> None:
        whole.append(
            sample_stacks(profile, seconds=0.1, clock=SYSTEM_CLOCK, call_off=threading.Event(), is_wanted=lambda: True)
        )

    looker = threading.Thread(target=look, name="looker")
    looker.start()
    looker.join()
    document = json.loads(as_json(profile.document()))
    check_speedscope(document)
    names = [each["name"] for each in document["profiles"]]
    assert names[0] == threading.main_thread().name
    assert "looker" not in names
    stacks = functions_of(document, profile_index=names.index(parked_thread.name))
    assert all(any(name.endswith(".parked") for name in stack) for stack in stacks)
    assert any(
        name.endswith(f".{test_every_thread_but_the_looker_is_seen_the_main_thread_first.__name__}")
        for name in functions_of(document)[0]
    )
    assert whole == [True]
    assert document["profiles"][0]["endValue"] >= 0.1


def test_it_ends_before_its_time_when_called_off_or_not_wanted_any_more():
    call_off = threading.Event()
    call_off.set()
    profile = StackProfile("a test")
    assert not sample_stacks(profile, seconds=300.0, clock=SYSTEM_CLOCK, call_off=call_off, is_wanted=lambda: True)
    assert profile.sample_count == 0
    assert not sample_stacks(
        profile, seconds=300.0, clock=SYSTEM_CLOCK, call_off=threading.Event(), is_wanted=lambda: False
    )


def test_turns_are_short_only_meanwhile():
    before_s = sys.getswitchinterval()
    with turns_in_short():
        assert sys.getswitchinterval() == pytest.approx(0.0001)
    assert sys.getswitchinterval() == before_s
