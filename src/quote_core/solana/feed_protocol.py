"""What to say on a subscription WebSocket, and what arriving messages mean; does no I/O.

Theory of operation. `watch` and `unwatch` change the set of wanted accounts at any time. A connection starts with
`connected`, which asks for slot notifications and subscribes every wanted account. Each account then goes through

| state      | event                       | next       | says                          |
|------------|-----------------------------|------------|-------------------------------|
| wanted     | connected, watch            | asked      | accountSubscribe              |
| asked      | answer with number          | subscribed | reads the account once        |
| asked      | answer with error           | refused    | counted; polling still has it |
| subscribed | notification                | subscribed | update, unless older          |
| subscribed | unwatch                     | (gone)     | accountUnsubscribe            |
| asked      | unwatch, then the answer    | (gone)     | accountUnsubscribe            |
| any        | `disconnected`              | wanted     |                               |

An account is read once *after* its subscription stands, so that no change falls between the two; from then on it is
*followed*: a change of it that is not notified was lost. Every reading has a number, so that an answer counts only for
what it was asked for: an account taken out and in again while it is read is read again. Nothing is dropped here for
being old, whoever holds the accounts knows better. Accounts of which something was said that cannot be are `doubted`:

- a notification that cannot be read is no longer followed until the account has been read again;
- one of a lower slot than the one before takes a change back, or comes a second time.
"""

import itertools
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import Any

import orjson

from quote_core.errors import RpcFailed
from quote_core.solana.accounts import AccountUpdate, UpdateSource
from quote_core.solana.codec import decode_account, decode_slot, encode_request, with_context
from quote_core.units import Pubkey

__all__ = ["FeedCounts", "FeedProtocol", "Received"]


@dataclass(slots=True)
class FeedCounts:
    """What happened on the feed since the start."""

    update_count: int = 0
    went_back_count: int = 0
    malformed_count: int = 0
    refused_count: int = 0
    connect_count: int = 0
    slot: int = 0
    """Of the last notification on this connection; 0 before the first."""


@dataclass(slots=True)
class Received:
    """What one message brought.

    `doubted` are accounts of which something was said that cannot be relied on; `is_unreadable` when it cannot be told
    which account a message was about. `parent` is the slot that `slot` was built on, if the node says.
    `to_read` are accounts to be read now, each with the number of its reading.
    """

    update: AccountUpdate | None = None
    slot: int | None = None
    parent: int | None = None
    doubted: Pubkey | None = None
    is_unreadable: bool = False
    to_read: dict[Pubkey, int] = field(default_factory=dict)
    to_send: list[bytes] = field(default_factory=list)


class FeedProtocol:
    """The client's side of one WebSocket after another."""

    def __init__(self, *, commitment: str = "processed") -> None:
        self._config = {"encoding": "base64", "commitment": commitment}
        self._ids = itertools.count(1)
        self._wanted: dict[Pubkey, None] = {}  # a dict keeps the order, so that accounts of one pool stay together
        self._asked: dict[int, Pubkey] = {}
        self._numbers: dict[Pubkey, int] = {}
        self._pubkeys: dict[int, Pubkey] = {}
        self._notified_slot: dict[Pubkey, int] = {}
        self._reading: dict[Pubkey, int] = {}
        self._followed: set[Pubkey] = set()
        self._is_connected = False
        self.counts = FeedCounts()

    def watch(self, pubkeys: Iterable[Pubkey]) -> list[bytes]:
        """Add accounts; returns what to send now."""
        new = [pubkey for pubkey in pubkeys if pubkey not in self._wanted]
        self._wanted.update(dict.fromkeys(new))
        return [self._subscribe(pubkey) for pubkey in new] if self._is_connected else []

    def unwatch(self, pubkeys: Iterable[Pubkey]) -> list[bytes]:
        """Take accounts out; returns what to send now."""
        to_send = []
        for pubkey in pubkeys:
            if pubkey in self._wanted:
                del self._wanted[pubkey]
                self._notified_slot.pop(pubkey, None)
                self._reading.pop(pubkey, None)
                self._followed.discard(pubkey)
                number = self._numbers.pop(pubkey, None)
                if number is not None:
                    del self._pubkeys[number]
                    to_send.append(self._unsubscribe(number))
        return to_send

    def connected(self) -> list[bytes]:
        """A new connection stands; returns what to send on it."""
        self._is_connected = True
        self.counts.connect_count += 1
        self.counts.slot = 0
        slots = encode_request(next(self._ids), "slotSubscribe", [])
        return [slots, *(self._subscribe(pubkey) for pubkey in self._wanted)]

    def disconnected(self) -> None:
        """The connection is gone and its subscriptions with it."""
        self._is_connected = False
        self._asked.clear()
        self._numbers.clear()
        self._pubkeys.clear()
        self._notified_slot.clear()
        self._reading.clear()
        self._followed.clear()

    def was_read(self, pubkey: Pubkey, reading: int) -> None:
        """An account was read that `Received.to_read` asked for; what was asked for before counts no more."""
        if self._reading.get(pubkey) == reading:
            del self._reading[pubkey]
            self._followed.add(pubkey)

    def receive(self, message: bytes | str, received_mono_ns: int) -> Received:
        """Read one message of the node; rubbish is counted and otherwise ignored."""
        try:
            content = orjson.loads(message)
            if not isinstance(content, dict):
                raise RpcFailed("subscription", "a message that is not an object")
            method = content.get("method")
            if method == "accountNotification":
                return self._account_changed(content, received_mono_ns)
            if method == "slotNotification":
                return self._slot_seen(content)
            return self._answered(content)
        except (RpcFailed, orjson.JSONDecodeError):
            self.counts.malformed_count += 1
            return Received(is_unreadable=True)

    def _account_changed(self, content: dict[str, Any], received_mono_ns: int) -> Received:
        params = content.get("params")
        if not isinstance(params, dict) or not isinstance(params.get("subscription"), int):
            raise RpcFailed("accountNotification", "has no subscription")
        pubkey = self._pubkeys.get(params["subscription"])
        if pubkey is None:  # unsubscribed a moment ago
            return Received()
        try:
            slot, value = with_context("accountNotification", params.get("result"))
            account = decode_account("accountNotification", value)
        except RpcFailed:
            self.counts.malformed_count += 1
            self._followed.discard(pubkey)
            return Received(doubted=pubkey, to_read=self._to_read(pubkey))
        if account is not None and account.lamports == 0 and not account.data:
            account = None  # a closed account is notified as an empty one
        self.counts.update_count += 1
        if slot < self._notified_slot.get(pubkey, 0):
            self.counts.went_back_count += 1
            self._notified_slot[pubkey] = slot
            return Received(doubted=pubkey)
        self._notified_slot[pubkey] = slot
        return Received(update=AccountUpdate(pubkey, slot, account, received_mono_ns, UpdateSource.NOTIFICATION))

    def _slot_seen(self, content: dict[str, Any]) -> Received:
        params = content.get("params")
        result = params.get("result") if isinstance(params, dict) else None
        slot = decode_slot("slotNotification", result.get("slot") if isinstance(result, dict) else None)
        self.counts.slot = slot
        parent = result.get("parent")  # type: ignore[union-attr]  # it had a slot, so it is an object
        is_parent = isinstance(parent, int) and not isinstance(parent, bool) and 0 <= parent < slot
        return Received(slot=slot, parent=parent if is_parent else None)

    def _answered(self, content: dict[str, Any]) -> Received:
        request_id = content.get("id")
        pubkey = self._asked.pop(request_id, None) if isinstance(request_id, int) else None
        if pubkey is None:  # slotSubscribe or accountUnsubscribe: silence, not the answer, tells whether it worked
            return Received()
        number = content.get("result")
        if not isinstance(number, int) or isinstance(number, bool):
            self.counts.refused_count += 1
            return Received()
        if pubkey not in self._wanted or pubkey in self._numbers:  # taken out, or taken out and added again, meanwhile
            return Received(to_send=[self._unsubscribe(number)])
        self._numbers[pubkey] = number
        self._pubkeys[number] = pubkey
        return Received(to_read=self._to_read(pubkey))

    def _to_read(self, pubkey: Pubkey) -> dict[Pubkey, int]:
        self._reading[pubkey] = next(self._ids)
        return {pubkey: self._reading[pubkey]}

    def _subscribe(self, pubkey: Pubkey) -> bytes:
        request_id = next(self._ids)
        self._asked[request_id] = pubkey
        return encode_request(request_id, "accountSubscribe", [pubkey, self._config])

    def _unsubscribe(self, number: int) -> bytes:
        return encode_request(next(self._ids), "accountUnsubscribe", [number])

    @property
    def followed(self) -> Set[Pubkey]:
        """Accounts whose subscription stands on this connection and which have been read since."""
        return self._followed
