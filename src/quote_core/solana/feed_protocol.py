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
*followed*: as long as slots arrive, what is held of it is current. What is older than what was already handed out is
dropped and counted; at one slot a notification beats an answer, which may predate it.
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
    older_dropped_count: int = 0
    malformed_count: int = 0
    refused_count: int = 0
    connect_count: int = 0
    slot: int = 0


@dataclass(slots=True)
class Received:
    """What one message brought."""

    update: AccountUpdate | None = None
    slot: int | None = None
    to_read: list[Pubkey] = field(default_factory=list)
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
        self._newest: dict[Pubkey, tuple[int, int]] = {}
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
                self._newest.pop(pubkey, None)
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
        slots = encode_request(next(self._ids), "slotSubscribe", [])
        return [slots, *(self._subscribe(pubkey) for pubkey in self._wanted)]

    def disconnected(self) -> None:
        """The connection is gone and its subscriptions with it."""
        self._is_connected = False
        self._asked.clear()
        self._numbers.clear()
        self._pubkeys.clear()
        self._followed.clear()

    def accept(self, updates: Iterable[AccountUpdate]) -> list[AccountUpdate]:
        """Take what was read; keep what is wanted and not older than what was handed out already."""
        updates = list(updates)
        self._followed.update(update.pubkey for update in updates if update.pubkey in self._numbers)
        return [update for update in updates if self._is_news(update)]

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
            return Received()

    def _account_changed(self, content: dict[str, Any], received_mono_ns: int) -> Received:
        params = content.get("params")
        if not isinstance(params, dict) or not isinstance(params.get("subscription"), int):
            raise RpcFailed("accountNotification", "has no subscription")
        slot, value = with_context("accountNotification", params.get("result"))
        account = decode_account("accountNotification", value)
        pubkey = self._pubkeys.get(params["subscription"])
        if pubkey is None:  # unsubscribed a moment ago
            return Received()
        if account is not None and account.lamports == 0 and not account.data:
            account = None  # a closed account is notified as an empty one
        update = AccountUpdate(pubkey, slot, account, received_mono_ns, UpdateSource.NOTIFICATION)
        return Received(update=update if self._is_news(update) else None)

    def _slot_seen(self, content: dict[str, Any]) -> Received:
        params = content.get("params")
        result = params.get("result") if isinstance(params, dict) else None
        slot = decode_slot("slotNotification", result.get("slot") if isinstance(result, dict) else None)
        self.counts.slot = slot
        return Received(slot=slot)

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
        return Received(to_read=[pubkey])

    def _is_news(self, update: AccountUpdate) -> bool:
        if update.pubkey not in self._wanted:
            return False
        order = (update.slot, update.source.value)
        newest = self._newest.get(update.pubkey)
        if newest is not None and order < newest:
            self.counts.older_dropped_count += 1
            return False
        self._newest[update.pubkey] = order
        self.counts.update_count += 1
        return True

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
