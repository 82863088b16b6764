import os
import socket
import sys

import pytest

from solquote.supervisor.ports import Holder, PortTaken, free_port, holder_of, in_words, taken_ports

HOST = "127.0.0.1"


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield server.getsockname()[1]


def test_the_holder_of_a_port_is_named_with_its_command(listener: int):
    holder = holder_of(listener)
    assert holder is not None
    assert holder.pid == os.getpid()
    assert os.path.basename(sys.executable) in holder.command or "pytest" in holder.command


def test_a_port_nobody_listens_on_has_no_holder():
    assert holder_of(free_port(HOST)) is None


def test_only_the_ports_that_are_held_are_told(listener: int):
    (taken,) = taken_ports([(HOST, listener, "aggregator"), (HOST, free_port(HOST), "local_quote")])
    assert (taken.port, taken.wanted_by) == (listener, "aggregator")
    assert in_words([taken]).startswith(f"port {listener} of aggregator held by process {os.getpid()}: ")


def test_ports_of_one_process_held_by_one_other_are_told_together():
    holder = Holder(7, "python -m other")
    taken = [PortTaken(1, "market", holder), PortTaken(2, "market", holder), PortTaken(3, "nats", None)]
    assert in_words(taken).splitlines() == [
        "ports 1, 2 of market held by process 7: python -m other",
        "port 3 of nats held by another process",
    ]


def test_a_free_span_avoids_what_is_given_out(listener: int):
    first = free_port(HOST, span=3, avoid={listener})
    assert not taken_ports((HOST, port, "x") for port in range(first, first + 3))
