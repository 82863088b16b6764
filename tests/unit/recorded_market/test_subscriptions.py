import base64
from typing import Any

import orjson
import pytest

from quote_core.dex.pool import Account
from quote_core.units import Pubkey
from recorded_market import subscriptions
from recorded_market.ledger import AccountLedger, Block, Transaction
from recorded_market.rpc_errors import RpcError
from recorded_market.subscriptions import SubscriptionHub

PROGRAM = Pubkey("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
KEY = Pubkey("So11111111111111111111111111111111111111112")
OTHER = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
CONFIG = {"encoding": "base64", "commitment": "processed"}


class Mailbox:
    """A listener that keeps what it is offered."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def offer(self, message: bytes) -> None:
        self.messages.append(orjson.loads(message))

    def take(self, method: str) -> list[dict[str, Any]]:
        return [message["params"] for message in self.messages if message["method"] == method]


class Chain:
    """A ledger whose slots are published to a hub."""

    def __init__(self) -> None:
        self.hub = SubscriptionHub(version="1.2.3")
        self.ledger = AccountLedger(Block(100, {KEY: Account(PROGRAM, b"\x00", 1)}))

    def play(self, **changes: bytes) -> None:
        accounts = {Pubkey(key): Account(PROGRAM, data, 1) for key, data in changes.items()}
        self.hub.publish(self.ledger.advance(accounts))


@pytest.fixture
def chain() -> Chain:
    return Chain()


def data_of(account: dict[str, Any]) -> bytes:
    return base64.b64decode(account["data"][0])


def test_an_account_subscriber_hears_of_its_account_only(chain: Chain) -> None:
    mailbox = Mailbox()
    number = chain.hub.call(mailbox, "accountSubscribe", [KEY, CONFIG])
    chain.play(**{KEY: b"a", OTHER: b"b"})
    chain.play(**{OTHER: b"c"})
    (told,) = mailbox.take("accountNotification")
    assert told["subscription"] == number
    assert told["result"]["context"] == {"slot": 101, "apiVersion": "1.2.3"}
    assert data_of(told["result"]["value"]) == b"a"


def test_a_confirmed_subscriber_hears_one_slot_later_of_the_same_slot(chain: Chain) -> None:
    mailbox = Mailbox()
    chain.hub.call(mailbox, "accountSubscribe", [KEY, CONFIG | {"commitment": "confirmed"}])
    chain.play(**{KEY: b"a"})
    assert mailbox.messages == []
    chain.play()
    (told,) = mailbox.take("accountNotification")
    assert told["result"]["context"]["slot"] == 101


def test_without_a_commitment_a_subscriber_hears_when_it_is_final(chain: Chain) -> None:
    mailbox = Mailbox()
    chain.hub.call(mailbox, "accountSubscribe", [KEY, {"encoding": "base64"}])
    chain.play(**{KEY: b"a"})
    for _ in range(30):
        chain.play()
    assert mailbox.messages == []
    chain.play()
    assert len(mailbox.take("accountNotification")) == 1


def test_a_program_subscriber_hears_of_the_accounts_that_pass_its_filters(chain: Chain) -> None:
    mailbox = Mailbox()
    config = CONFIG | {"filters": [{"dataSize": 2}]}
    number = chain.hub.call(mailbox, "programSubscribe", [PROGRAM, config])
    chain.play(**{KEY: b"ab", OTHER: b"abc"})
    (told,) = mailbox.take("programNotification")
    assert told["subscription"] == number
    assert told["result"]["value"]["pubkey"] == KEY
    assert data_of(told["result"]["value"]["account"]) == b"ab"


def test_a_logs_subscriber_hears_of_all_transactions_or_of_those_that_name_an_address(chain: Chain) -> None:
    everybody, mentioned, program, other, later = (Mailbox() for _ in range(5))
    config = {"commitment": "processed"}
    numbers = [
        chain.hub.call(mailbox, "logsSubscribe", [wanted, config])
        for mailbox, wanted in (
            (everybody, "all"),
            (mentioned, {"mentions": [KEY]}),
            (program, {"mentions": [PROGRAM]}),
            (other, {"mentions": [OTHER]}),
        )
    ]
    chain.hub.call(later, "logsSubscribe", ["allWithVotes", {"commitment": "confirmed"}])
    made = [Transaction(PROGRAM, frozenset({KEY})), Transaction(PROGRAM, frozenset({KEY}))]
    chain.hub.publish(chain.ledger.advance({}, made))
    for mailbox, number in zip((everybody, mentioned, program), numbers, strict=False):
        first, second = mailbox.take("logsNotification")
        assert (first["subscription"], first["result"]["context"]["slot"]) == (number, 101)
        value = first["result"]["value"]
        assert (value["err"], value["logs"][0]) == (None, f"Program {PROGRAM} invoke [1]")
        assert value["signature"] != second["result"]["value"]["signature"]
    assert other.messages == later.messages == []
    chain.play()
    assert [told["result"]["context"]["slot"] for told in later.take("logsNotification")] == [101, 101]
    assert chain.hub.call(other, "logsUnsubscribe", [numbers[3]])


def test_a_slot_subscriber_hears_every_slot_with_parent_and_root(chain: Chain) -> None:
    mailbox = Mailbox()
    chain.hub.call(mailbox, "slotSubscribe", [])
    chain.play()
    chain.play()
    told = [params["result"] for params in mailbox.take("slotNotification")]
    assert told == [{"parent": 100, "root": 70, "slot": 101}, {"parent": 101, "root": 71, "slot": 102}]


def test_within_a_slot_accounts_come_before_the_slot(chain: Chain) -> None:
    mailbox = Mailbox()
    chain.hub.call(mailbox, "slotSubscribe", [])
    chain.hub.call(mailbox, "accountSubscribe", [KEY, CONFIG])
    chain.play(**{KEY: b"a"})
    assert [message["method"] for message in mailbox.messages] == ["accountNotification", "slotNotification"]


def test_equal_and_different_wishes_are_each_told_in_their_own_encoding(chain: Chain) -> None:
    mailbox = Mailbox()
    configs = [CONFIG, CONFIG, CONFIG | {"dataSlice": {"offset": 1, "length": 1}}]
    numbers = [chain.hub.call(mailbox, "accountSubscribe", [KEY, config]) for config in configs]
    chain.play(**{KEY: b"ab"})
    told = {
        params["subscription"]: data_of(params["result"]["value"]) for params in mailbox.take("accountNotification")
    }
    assert told == dict(zip(numbers, [b"ab", b"ab", b"b"], strict=True))


def test_data_too_long_for_base58_is_told_in_words(chain: Chain) -> None:
    mailbox = Mailbox()
    chain.hub.call(mailbox, "accountSubscribe", [KEY, {"commitment": "processed"}])
    chain.play(**{KEY: bytes(129)})
    (told,) = mailbox.take("accountNotification")
    assert told["result"]["value"]["data"] == "error: data too large for bs58 encoding"
    assert told["result"]["value"]["space"] == 129


@pytest.mark.parametrize(("kind", "params"), [("account", [KEY, CONFIG]), ("program", [PROGRAM, CONFIG]), ("slot", [])])
def test_after_unsubscribing_nothing_is_told(chain: Chain, kind: str, params: list[Any]) -> None:
    mailbox = Mailbox()
    number = chain.hub.call(mailbox, f"{kind}Subscribe", params)
    assert chain.hub.call(mailbox, f"{kind}Unsubscribe", [number]) is True
    chain.play(**{KEY: b"a"})
    assert mailbox.messages == []
    assert chain.hub.subscription_count == 0


@pytest.mark.parametrize("params", [[], [99], ["1"], [None], [{}]])
def test_an_unknown_subscription_cannot_be_ended(chain: Chain, params: list[Any]) -> None:
    mailbox = Mailbox()
    chain.hub.call(mailbox, "slotSubscribe", [])
    with pytest.raises(RpcError, match="Invalid subscription id") as refusal:
        chain.hub.call(mailbox, "slotUnsubscribe", params)
    assert refusal.value.code == -32602


def test_a_subscription_is_ended_by_its_owner_and_by_its_kind_only(chain: Chain) -> None:
    owner, stranger = Mailbox(), Mailbox()
    number = chain.hub.call(owner, "slotSubscribe", [])
    with pytest.raises(RpcError):
        chain.hub.call(stranger, "slotUnsubscribe", [number])
    with pytest.raises(RpcError):
        chain.hub.call(owner, "accountUnsubscribe", [number])
    assert chain.hub.subscription_count == 1


def test_a_closed_connection_is_forgotten_and_no_other(chain: Chain) -> None:
    gone, here = Mailbox(), Mailbox()
    for mailbox in (gone, here):
        chain.hub.call(mailbox, "slotSubscribe", [])
        chain.hub.call(mailbox, "accountSubscribe", [KEY, CONFIG])
    chain.hub.forget(gone)
    chain.play(**{KEY: b"a"})
    assert gone.messages == []
    assert len(here.messages) == 2
    assert chain.hub.subscription_count == 2


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("getSlot", [], -32601),
        ("logsSubscribe", [], -32602),
        ("logsSubscribe", ["some"], -32602),
        ("logsSubscribe", [{"mentions": []}], -32602),
        ("logsSubscribe", [{"mentions": [KEY, OTHER]}], -32602),
        ("logsSubscribe", [{"mentions": ["abc"]}], -32602),
        ("accountSubscribe", [], -32602),
        ("accountSubscribe", ["abc"], -32602),
        ("accountSubscribe", [KEY, {"encoding": "x"}], -32602),
        ("programSubscribe", [PROGRAM, {"filters": [{}]}], -32602),
    ],
)
def test_a_wrong_call_gets_the_code_of_a_node(chain: Chain, method: str, params: list[Any], code: int) -> None:
    with pytest.raises(RpcError) as refusal:
        chain.hub.call(Mailbox(), method, params)
    assert refusal.value.code == code


def test_subscriptions_over_the_bound_are_refused(chain: Chain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriptions, "SUBSCRIPTION_COUNT_MAX", 2)
    mailbox = Mailbox()
    chain.hub.call(mailbox, "slotSubscribe", [])
    chain.hub.call(mailbox, "slotSubscribe", [])
    with pytest.raises(RpcError, match="limit of 2 reached"):
        chain.hub.call(mailbox, "slotSubscribe", [])
