"""Who listens to what: account, program, logs and slot subscriptions, and the notifications a new slot owes them.

Knows no socket: a listener is anything that takes a message. A notification carries the state at the end of a slot,
at the subscriber's own commitment; an account that two swaps of one slot change is told once. Within a slot accounts
come first, then logs, and the slot itself last, so whoever has seen slot N has seen everything in it.
"""

import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from quote_core.dex.pool import Account
from quote_core.units import Pubkey
from recorded_market.account_json import account_json
from recorded_market.base58 import base58_encode
from recorded_market.ledger import Block, Commitment, Transaction
from recorded_market.rpc_errors import RpcError, invalid_params, method_not_found
from recorded_market.rpc_methods import with_context
from recorded_market.rpc_params import (
    AccountConfig,
    Filters,
    read_account_config,
    read_filters,
    read_mentions,
    read_object,
    read_pubkey,
)

__all__ = ["Listener", "SubscriptionHub"]

SUBSCRIPTION_COUNT_MAX = 20_000
"""Over all listeners; a node has such a limit too."""


class Listener(Protocol):
    """The receiving end of a connection."""

    def offer(self, message: bytes) -> None:
        """Take one message without blocking."""
        ...


@dataclass(frozen=True, slots=True)
class _Subscription:
    listener: Listener
    config: AccountConfig
    filters: Filters


_Topic = tuple[str, Commitment, Pubkey]
_EVERYBODY = Pubkey("")
_SLOT_TOPIC: _Topic = ("slot", Commitment.PROCESSED, _EVERYBODY)


class SubscriptionHub:
    """All subscriptions of the node."""

    def __init__(self, *, version: str) -> None:
        self._version = version
        self._numbers = itertools.count(1)
        self._topics: dict[int, _Topic] = {}
        self._subscriptions: dict[_Topic, dict[int, _Subscription]] = {}

    @property
    def subscription_count(self) -> int:
        """Subscriptions held now."""
        return len(self._topics)

    def call(self, listener: Listener, method: str, params: Sequence[Any]) -> Any:
        """Answer a call that came over `listener`'s connection.

        Raises:
            RpcError: Unknown method, wrong params, or too many subscriptions.
        """
        match method:
            case "accountSubscribe":
                return self._subscribe(listener, "account", read_pubkey(params), read_object(params, 1))
            case "programSubscribe":
                return self._subscribe(listener, "program", read_pubkey(params), read_object(params, 1))
            case "logsSubscribe":
                config = read_account_config(read_object(params, 1))
                topic = "logs", config.commitment, read_mentions(params) or _EVERYBODY
                return self._add(topic, _Subscription(listener, config, read_filters({})))
            case "slotSubscribe":
                return self._add(_SLOT_TOPIC, _Subscription(listener, read_account_config({}), read_filters({})))
            case "accountUnsubscribe" | "programUnsubscribe" | "logsUnsubscribe" | "slotUnsubscribe":
                return self._unsubscribe(listener, method.removesuffix("Unsubscribe"), params)
            case _:
                raise method_not_found()

    def forget(self, listener: Listener) -> None:
        """Drop everything a closed connection has subscribed to."""
        for number, topic in list(self._topics.items()):
            if self._subscriptions[topic][number].listener is listener:
                self._remove(number)

    def publish(self, reached: Mapping[Commitment, Block]) -> None:
        """Tell every subscriber what the new slot shows at its commitment."""
        for commitment, block in reached.items():
            for pubkey, account in block.changes.items():
                self._publish_account(commitment, block.slot, pubkey, account)
            self._publish_logs(commitment, block)
        block = reached[Commitment.PROCESSED]
        newest = block.slot
        result = {
            "parent": newest - 1 if block.parent is None else block.parent,
            "root": newest - Commitment.FINALIZED.lag_slots,
            "slot": newest,
        }
        self._notify(_SLOT_TOPIC, "slotNotification", orjson.dumps(result), self._subscribers(_SLOT_TOPIC))

    def _publish_account(self, commitment: Commitment, slot: int, pubkey: Pubkey, account: Account) -> None:
        topic: _Topic = ("account", commitment, pubkey)
        for config, subscribers in _by_config(self._subscribers(topic)):
            value = _account_json_or_note(account, config)
            self._notify(topic, "accountNotification", self._result(slot, value), subscribers)
        topic = ("program", commitment, account.owner)
        matching = [entry for entry in self._subscribers(topic) if entry[1].filters.match(account.data)]
        for config, subscribers in _by_config(matching):
            value = {"pubkey": pubkey, "account": _account_json_or_note(account, config)}
            self._notify(topic, "programNotification", self._result(slot, value), subscribers)

    def _publish_logs(self, commitment: Commitment, block: Block) -> None:
        for position, transaction in enumerate(block.transactions):
            result = b""
            for key in (_EVERYBODY, transaction.program_id, *sorted(transaction.accounts)):
                topic: _Topic = ("logs", commitment, key)
                if topic in self._subscriptions:
                    result = result or self._result(block.slot, _logs_json(block.slot, position, transaction))
                    self._notify(topic, "logsNotification", result, self._subscribers(topic))

    def _result(self, slot: int, value: Any) -> bytes:
        return orjson.dumps(with_context(slot, value, self._version))

    def _notify(
        self, topic: _Topic, method: str, result: bytes, subscribers: Sequence[tuple[int, _Subscription]]
    ) -> None:
        head = b'{"jsonrpc":"2.0","method":"' + method.encode() + b'","params":{"result":' + result
        for number, subscription in subscribers:
            subscription.listener.offer(head + b',"subscription":%d}}' % number)

    def _subscribers(self, topic: _Topic) -> list[tuple[int, _Subscription]]:
        return list(self._subscriptions.get(topic, {}).items())

    def _subscribe(self, listener: Listener, kind: str, key: Pubkey, config: Mapping[str, Any]) -> int:
        account_config = read_account_config(config)
        subscription = _Subscription(listener, account_config, read_filters(config))
        return self._add((kind, account_config.commitment, key), subscription)

    def _add(self, topic: _Topic, subscription: _Subscription) -> int:
        if len(self._topics) >= SUBSCRIPTION_COUNT_MAX:
            raise invalid_params(f"Subscription refused. Node subscription limit of {SUBSCRIPTION_COUNT_MAX} reached")
        number = next(self._numbers)
        self._topics[number] = topic
        self._subscriptions.setdefault(topic, {})[number] = subscription
        return number

    def _unsubscribe(self, listener: Listener, kind: str, params: Sequence[Any]) -> bool:
        number = params[0] if params else None
        topic = self._topics.get(number) if isinstance(number, int) else None
        if topic is None or topic[0] != kind or self._subscriptions[topic][params[0]].listener is not listener:
            raise invalid_params("Invalid subscription id.")
        self._remove(params[0])
        return True

    def _remove(self, number: int) -> None:
        topic = self._topics.pop(number)
        subscribers = self._subscriptions[topic]
        del subscribers[number]
        if not subscribers:
            del self._subscriptions[topic]


def _by_config(
    subscribers: Sequence[tuple[int, _Subscription]],
) -> Iterator[tuple[AccountConfig, list[tuple[int, _Subscription]]]]:
    """Group by config, so that equal wishes are encoded once."""
    groups: dict[AccountConfig, list[tuple[int, _Subscription]]] = {}
    for entry in subscribers:
        groups.setdefault(entry[1].config, []).append(entry)
    yield from groups.items()


def _logs_json(slot: int, position: int, transaction: Transaction) -> dict[str, Any]:
    """Nobody signed it: the signature is a hash of where it stands."""
    signature = base58_encode(hashlib.sha512(b"transaction:%d:%d" % (slot, position)).digest())
    program_id = transaction.program_id
    return {
        "signature": signature,
        "err": None,
        "logs": [f"Program {program_id} invoke [1]", f"Program {program_id} success"],
    }


def _account_json_or_note(account: Account, config: AccountConfig) -> dict[str, Any]:
    """A notification has no place for an error: like a node, say in the data field why there is no data."""
    try:
        return account_json(account, config)
    except RpcError:
        return account_json(Account(account.owner, b"", account.lamports), config) | {
            "data": "error: data too large for bs58 encoding",
            "space": len(account.data),
        }
