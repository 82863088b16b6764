"""The subscription states, without a socket."""

import base64
import json
from typing import Any

import pytest

from quote_core.dex.pool import Account
from quote_core.solana.accounts import AccountUpdate, UpdateSource
from quote_core.solana.feed_protocol import FeedProtocol, Received

NOTIFICATION = UpdateSource.NOTIFICATION


def asked(messages: list[bytes]) -> list[tuple[str, Any]]:
    return [(call["method"], call["params"][0] if call["params"] else None) for call in map(json.loads, messages)]


def answer(feed: FeedProtocol, message: bytes, result: object) -> Received:
    return feed.receive(json.dumps({"id": json.loads(message)["id"], "result": result}), 0)


def notification(number: int, slot: int, data: bytes = b"x", lamports: int = 1) -> str:
    account = {"owner": "o", "lamports": lamports, "data": [base64.b64encode(data).decode(), "base64"]}
    result = {"context": {"slot": slot}, "value": account}
    params = {"subscription": number, "result": result}
    return json.dumps({"method": "accountNotification", "params": params})


def subscribed_feed(pubkey: str = "a", number: int = 7) -> FeedProtocol:
    feed = FeedProtocol()
    feed.watch([pubkey])
    _, subscribe = feed.connected()
    answer(feed, subscribe, number)
    return feed


def test_nothing_is_said_before_a_connection_stands() -> None:
    assert FeedProtocol().watch(["a"]) == []


def test_a_connection_asks_for_slots_and_then_for_every_account_in_order() -> None:
    feed = FeedProtocol()
    feed.watch(["b", "a", "b"])
    assert asked(feed.connected()) == [
        ("slotSubscribe", None),
        ("accountSubscribe", "b"),
        ("accountSubscribe", "a"),
    ]


def test_an_account_is_read_once_its_subscription_stands() -> None:
    feed = FeedProtocol()
    feed.connected()
    (subscribe,) = feed.watch(["a"])
    to_read = answer(feed, subscribe, 7).to_read
    assert list(to_read) == ["a"]
    assert "a" not in feed.followed
    feed.was_read("a", to_read["a"])
    assert "a" in feed.followed


def test_a_read_counts_only_for_the_watch_it_was_asked_for() -> None:
    feed = FeedProtocol()
    feed.connected()
    (first,) = feed.watch(["a"])
    asked = answer(feed, first, 7).to_read["a"]
    feed.unwatch(["a"])
    (second,) = feed.watch(["a"])
    asked_again = answer(feed, second, 7).to_read["a"]  # a node may give the same number again
    feed.was_read("a", asked)
    assert "a" not in feed.followed
    feed.was_read("a", asked_again)
    assert "a" in feed.followed


def test_a_notification_becomes_an_update() -> None:
    update = subscribed_feed().receive(notification(7, 42, b"new"), 99).update
    assert update == AccountUpdate("a", 42, Account("o", b"new", 1), 99, NOTIFICATION)


def test_a_closed_account_is_told_as_absent() -> None:
    update = subscribed_feed().receive(notification(7, 42, b"", lamports=0), 0).update
    assert update is not None
    assert update.account is None


def test_a_change_taken_back_puts_its_account_in_doubt_and_is_counted() -> None:
    feed = subscribed_feed()
    assert feed.receive(notification(7, 42), 0).update is not None
    assert feed.receive(notification(7, 41), 0) == Received(doubted="a")
    assert feed.receive(notification(7, 42), 0).update is not None
    assert feed.counts.went_back_count == 1


@pytest.mark.parametrize(
    "damage",
    [
        {"context": {"slot": 43}, "value": 5},
        {"context": {"slot": 43}, "value": {"owner": "o", "lamports": 1, "data": ["*", "base64"]}},
        {"context": {"slot": -1}, "value": None},
        {"value": None},
    ],
)
def test_a_damaged_notification_names_its_account_which_is_read_again_and_not_followed_before(
    damage: dict[str, Any],
) -> None:
    feed = subscribed_feed()
    message = json.dumps({"method": "accountNotification", "params": {"subscription": 7, "result": damage}})
    received = feed.receive(message, 0)
    assert (received.doubted, received.update) == ("a", None)
    assert "a" not in feed.followed
    feed.was_read("a", received.to_read["a"])
    assert "a" in feed.followed
    assert feed.counts.malformed_count == 1


def test_after_a_lost_connection_everything_is_subscribed_and_read_again() -> None:
    feed = FeedProtocol()
    feed.watch(["a"])
    _, first = feed.connected()
    feed.was_read("a", answer(feed, first, 7).to_read["a"])
    assert feed.followed
    feed.disconnected()
    assert not feed.followed
    assert feed.receive(notification(7, 50), 0).update is None
    _, subscribe = feed.connected()
    assert list(answer(feed, subscribe, 8).to_read) == ["a"]
    assert feed.receive(notification(8, 51), 0).update is not None


def test_slots_are_told_and_kept() -> None:
    feed = FeedProtocol()
    assert feed.receive('{"method":"slotNotification","params":{"result":{"slot":12}}}', 0).slot == 12
    assert feed.counts.slot == 12


def test_an_account_taken_out_is_unsubscribed_and_its_late_notifications_ignored() -> None:
    feed = subscribed_feed()
    assert asked(feed.unwatch(["a"])) == [("accountUnsubscribe", 7)]
    assert feed.receive(notification(7, 50), 0).update is None
    assert feed.counts.malformed_count == 0


@pytest.mark.parametrize("is_added_again", [False, True])
def test_a_subscription_that_comes_too_late_is_given_back(is_added_again: bool) -> None:
    feed = FeedProtocol()
    feed.connected()
    (first,) = feed.watch(["a"])
    feed.unwatch(["a"])
    if is_added_again:
        (second,) = feed.watch(["a"])
        answer(feed, second, 8)
    assert asked(answer(feed, first, 7).to_send) == [("accountUnsubscribe", 7)]


def test_a_refused_subscription_is_counted() -> None:
    feed = FeedProtocol()
    feed.connected()
    (subscribe,) = feed.watch(["a"])
    refused = json.dumps({"id": json.loads(subscribe)["id"], "error": {"code": -32602, "message": "no"}})
    assert feed.receive(refused, 0) == Received()
    assert feed.counts.refused_count == 1


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "7",
        "not json",
        b"\xff",
        '{"method":"accountNotification"}',
        '{"method":"slotNotification","params":{"result":{"slot":"x"}}}',
        '{"method":"slotNotification","params":[]}',
    ],
)
def test_rubbish_is_counted_and_changes_nothing(message: bytes | str) -> None:
    feed = subscribed_feed()
    assert feed.receive(message, 0) == Received(is_unreadable=True)
    assert feed.counts.malformed_count == 1
    assert feed.receive(notification(7, 42), 0).update is not None
