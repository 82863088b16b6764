import socket

import pytest

from quote_core.addresses import is_proxied, redacted_url, why_not_bound


@pytest.mark.parametrize(
    ("url", "is_theirs"),
    [
        ("http://127.0.0.1:8898/x", False),
        ("http://[::1]:1", False),
        ("http://localhost", False),
        ("https://api.jup.ag", True),
    ],
)
def test_the_environment_s_proxy_is_for_other_machines_only(url: str, is_theirs: bool):
    assert is_proxied(url) is is_theirs


def test_what_keeps_a_server_from_listening_is_told_in_words():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        assert why_not_bound("127.0.0.1", holder.getsockname()[1]) == "the address is in use"
    assert why_not_bound("192.0.2.1", 0) == "it is no address of this machine"
    assert why_not_bound("nonsense.invalid", 0) == "it is no address, and no machine has this name"
    assert why_not_bound("127.0.0.1", 0) == ""


def test_a_logged_url_holds_no_key():
    assert redacted_url("https://user:secret@node.example:8443/key?api=1") == "https://node.example:8443"
