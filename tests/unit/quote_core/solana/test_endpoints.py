"""Whom of several to ask, and whom to subscribe to."""

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fakes.endpoints import address, endpoints_at
from fakes.fake_clock import FakeClock

from quote_core.rpc_addresses import RpcRole
from quote_core.solana import Endpoint, Endpoints

SESSION = cast("Any", SimpleNamespace())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def three(clock: FakeClock, *weights: int) -> Endpoints:
    addresses = [
        address(f"http://node-{number}", number=number, weight=weight)
        for number, weight in enumerate(weights or (1, 1, 1), 1)
    ]
    return endpoints_at(*addresses, session=SESSION, clock=clock)


def names(endpoints: list[Endpoint]) -> list[str]:
    return [endpoint.name for endpoint in endpoints]


def let_pass(endpoints: Endpoints, clock: FakeClock, **slots_behind: int) -> int:
    """Eight seconds in which all tell their slots every 400 ms; returns the newest."""
    slot = 1_000 + clock.mono_ns() // 400_000_000
    for _ in range(20):
        clock.advance_ms(400)
        slot += 1
        for endpoint in endpoints:
            behind = slots_behind.get(f"n{endpoint.address.number}", 0)
            if behind >= 0:
                endpoints.told_slot(endpoint, slot - behind)
    return slot


def test_reads_are_shared_by_weight_and_each_tries_the_others_after(clock: FakeClock) -> None:
    endpoints = three(clock, 3, 1, 1)
    orders = [names(endpoints.to_ask(RpcRole.READ)) for _ in range(50)]
    assert Counter(order[0] for order in orders) == {"node-1#1": 30, "node-2#2": 10, "node-3#3": 10}
    assert all(sorted(order) == ["node-1#1", "node-2#2", "node-3#3"] for order in orders)
    assert all("node-1#1" in {order[0] for order in orders[start : start + 2]} for start in range(49))


def test_healthy_before_degraded_before_unhealthy_and_a_cooling_one_not_at_all(clock: FakeClock) -> None:
    endpoints = three(clock, 1, 100, 100)
    healthy, degraded, unhealthy = endpoints
    for _ in range(4):
        degraded.health.succeed(1.0)
    degraded.health.fail()
    for _ in range(5):
        unhealthy.health.fail()
    assert [names(endpoints.to_ask(RpcRole.READ)) for _ in range(3)] == [["node-1#1", "node-2#2", "node-3#3"]] * 3
    healthy.health.cool(1_000_000_000)
    assert names(endpoints.to_ask(RpcRole.READ)) == ["node-2#2", "node-3#3"]


def test_where_all_cool_the_one_that_is_free_first_is_waited_for(clock: FakeClock) -> None:
    endpoints = three(clock)
    for seconds, endpoint in zip((30, 2, 10), endpoints, strict=True):
        endpoint.health.cool(seconds * 1_000_000_000)
    assert names(endpoints.to_ask(RpcRole.READ)) == ["node-2#2"]


def test_roles_are_kept(clock: FakeClock) -> None:
    reader = address("http://reader", number=1, roles=frozenset({RpcRole.READ}))
    sender = address("http://sender", number=2, weight=100, roles=frozenset({RpcRole.SEND}))
    follower = address("http://follower", number=3, roles=frozenset({RpcRole.SUBSCRIBE, RpcRole.SEND}))
    endpoints = endpoints_at(reader, sender, follower, session=SESSION, clock=clock)
    assert names(endpoints.to_ask(RpcRole.READ)) == ["reader#1"]
    assert sorted(names(endpoints.to_ask(RpcRole.SEND))) == ["follower#3", "sender#2"]
    assert endpoints.to_subscribe().name == "follower#3"


def test_one_that_lags_is_not_read_from_until_it_is_near_again(clock: FakeClock) -> None:
    endpoints = three(clock, 1, 100, 1)
    let_pass(endpoints, clock, n2=11)
    assert sorted(names(endpoints.to_ask(RpcRole.READ))) == ["node-1#1", "node-3#3"]
    assert "11 slots behind the others, not read from" in endpoints.standing(list(endpoints)[1])
    let_pass(endpoints, clock, n2=10)
    assert len(endpoints.to_ask(RpcRole.READ)) == 3


def test_one_that_lags_is_read_from_once_nobody_else_tells_a_slot(clock: FakeClock) -> None:
    endpoints = three(clock)
    let_pass(endpoints, clock, n2=100)
    assert sorted(names(endpoints.to_ask(RpcRole.READ))) == ["node-1#1", "node-3#3"]
    let_pass(endpoints, clock, n1=-1, n3=-1)
    assert "node-2#2" in names(endpoints.to_ask(RpcRole.READ))


def test_one_that_tells_an_impossible_slot_is_not_read_from_and_moves_nobody(clock: FakeClock) -> None:
    endpoints = three(clock)
    let_pass(endpoints, clock)
    liar = next(iter(endpoints))
    endpoints.told_slot(liar, 2**47)
    assert sorted(names(endpoints.to_ask(RpcRole.READ))) == ["node-2#2", "node-3#3"]
    assert "ahead of what is possible" in endpoints.standing(liar)
    let_pass(endpoints, clock)
    assert len(endpoints.to_ask(RpcRole.READ)) == 3


def test_one_of_another_chain_is_never_asked_and_most_say_which_it_is(clock: FakeClock) -> None:
    endpoints = three(clock)
    first, second, third = endpoints
    endpoints.told_chain(first, "devnet")
    endpoints.told_chain(second, "mainnet")
    assert sorted(names(endpoints.to_ask(RpcRole.READ))) == ["node-1#1", "node-3#3"]  # as many: the first configured
    endpoints.told_chain(third, "mainnet")
    assert sorted(names(endpoints.to_ask(RpcRole.READ))) == ["node-2#2", "node-3#3"]
    for endpoint in (second, third):
        for _ in range(5):
            endpoint.health.fail()
    assert "node-1#1" not in names(endpoints.to_ask(RpcRole.READ))


def test_a_lost_subscription_goes_elsewhere_and_not_back_at_once(clock: FakeClock) -> None:
    endpoints = three(clock, 10, 5, 1)
    first, second, third = endpoints
    assert endpoints.to_subscribe() is first
    first.lost_mono_ns = clock.mono_ns()
    assert endpoints.to_subscribe(without=first) is second
    second.lost_mono_ns = clock.mono_ns()
    assert endpoints.to_subscribe(without=second) is third
    clock.advance_ms(30_000)
    assert endpoints.to_subscribe() is first


def test_a_single_endpoint_is_asked_whatever_it_says(clock: FakeClock) -> None:
    endpoints = endpoints_at("http://only", session=SESSION, clock=clock)
    (only,) = endpoints
    let_pass(endpoints, clock)
    endpoints.told_slot(only, 5)
    for _ in range(5):
        only.health.fail()
    only.health.cool(10**12)
    assert endpoints.to_ask(RpcRole.READ) == [only]
    assert endpoints.to_subscribe(without=only) is only


def test_a_subscription_falls_behind_when_others_go_on_without_it(clock: FakeClock) -> None:
    endpoints = three(clock)
    newest = let_pass(endpoints, clock)
    assert endpoints.is_feed_in_step(0)
    assert endpoints.is_feed_in_step(newest - 10)
    assert not endpoints.is_feed_in_step(newest - 11)


def test_a_name_and_a_printed_address_hold_no_key(clock: FakeClock) -> None:
    told = address("https://user:k3y@node.example:8/path-k3y?api-key=k3y", number=7)
    assert told.name == "node.example:8#7"
    assert "k3y" not in repr(told)
