import contextlib
import os
import random
import socket
import sys

import pytest

from solquote.supervisor.ports import Holder, KeptPorts, PortTaken, bound_hosts, holder_of, in_words, taken_ports

HOST = "127.0.0.1"


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture
def kept():
    with contextlib.closing(KeptPorts()) as ports:
        yield ports


def test_the_holder_of_a_port_is_named_with_its_command(listener: int):
    holder = holder_of(listener)
    assert holder is not None
    assert holder.pid == os.getpid()
    assert os.path.basename(sys.executable) in holder.command or "pytest" in holder.command


def test_a_port_nobody_listens_on_has_no_holder(kept: KeptPorts):
    assert holder_of(kept.take(HOST)) is None


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_an_ipv4_address_on_an_ipv6_socket_is_told_as_what_it_is():
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        server.bind((f"::ffff:{HOST}", 0))
        server.listen()
        assert bound_hosts(server.getsockname()[1]) == {HOST}


def test_only_the_ports_that_are_held_are_told(listener: int, kept: KeptPorts):
    (taken,) = taken_ports([(HOST, listener, "aggregator"), (HOST, kept.take(HOST), "local_quote")])
    assert (taken.port, taken.wanted_by) == (listener, "aggregator")
    assert in_words([taken]).startswith(f"port {listener} of aggregator held by process {os.getpid()}: ")


def test_ports_of_one_process_held_by_one_other_are_told_together():
    holder = Holder(7, "python -m other")
    taken = [PortTaken(1, "market", holder), PortTaken(2, "market", holder), PortTaken(3, "nats", None)]
    assert in_words(taken).splitlines() == [
        "ports 1, 2 of market held by process 7: python -m other",
        "port 3 of nats held by another process",
    ]


def test_a_free_span_avoids_what_is_given_out(listener: int, kept: KeptPorts):
    first = kept.take(HOST, span=3, avoid={listener})
    assert not taken_ports((HOST, port, "x") for port in range(first, first + 3))


def test_a_kept_port_is_given_to_nobody_else_until_it_is_given_back(kept: KeptPorts, monkeypatch: pytest.MonkeyPatch):
    first = kept.take(HOST, span=2)
    elsewhere = kept.take(HOST)
    drawn = iter([first + 1, elsewhere, first - 1, first, elsewhere])
    monkeypatch.setattr(random, "randrange", lambda *_: next(drawn, elsewhere))
    with contextlib.closing(KeptPorts()) as others:
        with pytest.raises(OSError, match="Cannot assign"):
            others.take(HOST, span=2)
        kept.close()
        assert others.take(HOST) == elsewhere


def test_a_server_listens_on_a_kept_port_and_again_when_it_died_with_connections(kept: KeptPorts):
    port = kept.take(HOST)
    for _ in range(2):
        with socket.create_server((HOST, port)) as server, socket.create_connection((HOST, port)):
            server.accept()[0].close()
    assert not taken_ports([(HOST, port, "it")])
