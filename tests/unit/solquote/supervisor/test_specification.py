import pytest

from solquote.supervisor.specification import ProcessSpec, stop_waves


def spec(name: str, *needs: str) -> ProcessSpec:
    return ProcessSpec(name=name, command=("true",), needs=frozenset(needs))


def test_nobody_is_stopped_before_those_that_need_it():
    specs = [spec("nats"), spec("market"), spec("quotes", "market"), spec("scanner", "quotes", "nats")]
    assert stop_waves(specs) == [["scanner"], ["nats", "quotes"], ["market"]]


def test_nobody_is_stopped_before_those_that_feed_it():
    fed = [spec("reader"), ProcessSpec(name="writer", command=("true",), feeds=frozenset({"reader"}))]
    assert stop_waves(fed) == [["writer"], ["reader"]]


def test_processes_that_need_each_other_are_refused():
    with pytest.raises(AssertionError, match="need each other"):
        stop_waves([spec("a", "b"), spec("b", "a")])
