import socket

import pytest

from quote_core.errors import ProviderUnavailable
from recorded_market.listening import bind, bind_neighbours

HOST = "127.0.0.1"


def test_port_zero_takes_two_free_neighbours() -> None:
    first, second = bind_neighbours(HOST, 0)
    with first, second:
        assert second.getsockname()[1] == first.getsockname()[1] + 1


def test_a_taken_port_is_named() -> None:
    with bind(HOST, 0) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(ProviderUnavailable, match=f"{HOST}:{port}: cannot listen: the address is in use"):
            bind(HOST, port)


def test_when_the_neighbour_is_taken_the_first_is_given_back() -> None:
    first, second = bind_neighbours(HOST, 0)
    port = first.getsockname()[1]
    first.close()
    with second:
        with pytest.raises(ProviderUnavailable, match=f":{port + 1}: cannot listen"):
            bind_neighbours(HOST, port)
        socket.create_server((HOST, port)).close()
