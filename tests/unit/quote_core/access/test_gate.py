import base64
from collections.abc import Mapping

import pytest
from fakes.access import digest_of
from fakes.fake_clock import FakeClock

from quote_core.access.access_file import KnownClient
from quote_core.access.budget import Limits
from quote_core.access.gate import Gate, Rules, host_of_peer
from quote_core.access.scopes import Scope
from quote_core.errors import NotPermitted, TooManyCalls, TooManyStreams, Unauthenticated

READ, ADMIN = Scope.READ, Scope.ADMIN
TOKEN = "correct horse battery"
ANY = Limits()


def rules(limits: Limits = ANY, *, until_unix_ns: int | None = None, asked: bool = True) -> Rules:
    known = {digest_of(TOKEN): KnownClient("token reader", frozenset({READ}), until_unix_ns)}
    return Rules(clients=known, asked=frozenset(Scope) if asked else frozenset(), limits=limits)


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("shown", [f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Bearer  {TOKEN} "])
def test_a_token_that_is_known_is_its_client(shown: str):
    assert Gate(rules(), FakeClock()).admit(shown, needs=READ, host="192.0.2.1").name == "token reader"


@pytest.mark.parametrize(
    "shown",
    [
        *(None, "", "Bearer", "Bearer ", TOKEN, f"Token {TOKEN}", basic(f"x:{TOKEN}")),
        *(
            "Bearer correct",
            "Bearer correct horse batterY",
            f"Bearer {TOKEN}x",
            "Bearer \udcff",
            "Bearer " + "x" * 5000,
        ),
    ],
)
def test_whatever_else_is_shown_is_nobody_and_is_not_repeated(shown: str | None):
    with pytest.raises(Unauthenticated) as caught:
        Gate(rules(), FakeClock()).admit(shown, needs=READ, host="192.0.2.1")
    assert str(caught.value) == "authorization: a valid Bearer token is required"


def test_a_browser_s_password_is_a_token_only_where_it_may_be():
    gate = Gate(rules(), FakeClock())
    assert gate.admit(basic(f"anybody:{TOKEN}"), needs=READ, host="", takes_basic=True).name == "token reader"
    for wrong in (basic(TOKEN), basic("anybody:"), "Basic !", basic("")):
        with pytest.raises(Unauthenticated):
            gate.admit(wrong, needs=READ, host="", takes_basic=True)


def test_an_empty_token_is_none_even_if_its_hash_is_known():
    gate = Gate(Rules(clients={digest_of(""): KnownClient("x", frozenset(Scope))}, asked=frozenset(Scope)), FakeClock())
    for shown in ("Bearer ", basic("x:")):
        with pytest.raises(Unauthenticated):
            gate.admit(shown, needs=READ, host="", takes_basic=True)


def test_a_scope_is_not_in_another():
    with pytest.raises(NotPermitted, match="token reader has no scope admin"):
        Gate(rules(), FakeClock()).admit(f"Bearer {TOKEN}", needs=ADMIN, host="")


def test_a_token_ends_at_its_moment_for_calls_and_for_streams_under_way():
    clock = FakeClock()
    gate = Gate(rules(until_unix_ns=clock.unix_ns() + 10), clock)
    admission = gate.admit(f"Bearer {TOKEN}", needs=READ, host="")
    clock.advance_ns(9)
    admission.check()
    clock.advance_ns(1)
    with pytest.raises(Unauthenticated):
        admission.check()
    with pytest.raises(Unauthenticated):
        gate.admit(f"Bearer {TOKEN}", needs=READ, host="")


def test_a_token_that_is_taken_back_ends_what_it_began_and_another_of_the_client_goes_on():
    gate = Gate(rules(), FakeClock())
    admission = gate.admit(f"Bearer {TOKEN}", needs=READ, host="")
    new = {digest_of("the new one"): KnownClient("token reader", frozenset({READ}))}
    gate.change(Rules(clients=new, asked=frozenset(Scope)))
    with pytest.raises(Unauthenticated):
        admission.check()
    gate.admit("Bearer the new one", needs=READ, host="").check()


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ({"host": "192.0.2.1"}, {"host": "192.0.2.1"}, True),
        ({"host": "192.0.2.1"}, {"host": "192.0.2.2"}, False),
        ({"host": "2001:db8::1"}, {"host": "2001:db8::ffff:1"}, True),
        ({"host": "2001:db8::1"}, {"host": "2001:db8:0:1::1"}, False),
        ({"host": "::ffff:192.0.2.1"}, {"host": "192.0.2.1"}, True),
        ({"host": "192.0.2.1", "certificate": "a"}, {"host": "192.0.2.1", "certificate": "b"}, False),
        ({"host": "192.0.2.1", "certificate": "a"}, {"host": "192.0.2.2", "certificate": "a"}, True),
        ({"host": "unix:/x"}, {"host": "unix:/x"}, True),
    ],
)
def test_who_shows_no_token_is_counted_by_certificate_or_network(
    first: Mapping[str, str], second: Mapping[str, str], are_one: bool
):
    gate = Gate(rules(Limits(rate_per_s=1, burst_count=1), asked=False), FakeClock())
    gate.admit(None, needs=READ, **first)
    if are_one:
        with pytest.raises(TooManyCalls):
            gate.admit(None, needs=READ, **second)
    else:
        gate.admit(None, needs=READ, **second)


def test_two_tokens_of_one_name_share_what_it_may_use_and_what_is_not_charged_is_let_in_all_the_same():
    clients = {digest_of(token): KnownClient("token reader", frozenset({READ})) for token in ("old", "new")}
    limits = Limits(rate_per_s=2, burst_count=1)
    gate = Gate(Rules(clients=clients, asked=frozenset(Scope), limits=limits), FakeClock())
    gate.admit("Bearer old", needs=READ, host="")
    with pytest.raises(TooManyCalls, match="token reader may make 2 calls a second, try again in 500 ms") as caught:
        gate.admit("Bearer new", needs=READ, host="")
    assert caught.value.retry_after_ms == 500
    gate.admit("Bearer new", needs=READ, host="", is_charged=False)


def test_streams_are_counted_by_client_until_their_end():
    gate = Gate(rules(Limits(stream_count_max=1)), FakeClock())
    first, second = (gate.admit(f"Bearer {TOKEN}", needs=READ, host="") for _ in range(2))
    first.begin_stream()
    with pytest.raises(TooManyStreams, match="1 are open, the most this service allows one client"):
        second.begin_stream()
    second.end_stream()
    first.end_stream()
    second.begin_stream()


def test_a_client_that_is_not_counted_is_bounded_by_nothing():
    clients = {digest_of(TOKEN): KnownClient("token ours", frozenset({READ}), is_counted=False)}
    limits = Limits(rate_per_s=1, quota_count=1, stream_count_max=1)
    gate = Gate(Rules(clients=clients, asked=frozenset(Scope), limits=limits), FakeClock())
    for _ in range(3):
        admission = gate.admit(f"Bearer {TOKEN}", needs=READ, host="")
        admission.begin_stream()
    admission.end_stream()


def test_a_gate_that_asks_nothing_and_counts_nothing_says_so():
    gate = Gate(Rules(), FakeClock())
    assert not gate.asks_anything
    gate.change(rules())
    assert gate.asks_anything


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:127.0.0.1:5", "127.0.0.1"),
        ("ipv6:%5B2001:db8::1%5D:5", "2001:db8::1"),
        ("ipv6:[::1]:5", "::1"),
        ("unix:", "unix:"),
    ],
)
def test_the_host_of_a_peer(peer: str, host: str):
    assert host_of_peer(peer) == host
