import os
import socket
import sys

import pytest

from solquote.supervisor.ports import PortTaken, free_port, holder_of, taken_ports

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
    free = free_port(HOST)
    (taken,) = taken_ports({listener: "aggregator", free: "local_quote"}, host=HOST)
    assert str(taken).startswith(f"port {listener}, which aggregator needs, is held by process {os.getpid()}: ")


def test_a_holder_that_cannot_be_looked_into_is_another_process():
    assert str(PortTaken(80, "aggregator", None)) == "port 80, which aggregator needs, is held by another process"


def test_a_free_span_avoids_what_is_given_out(listener: int):
    first = free_port(HOST, span=3, avoid={listener})
    assert not taken_ports(dict.fromkeys(range(first, first + 3), "x"), host=HOST)
