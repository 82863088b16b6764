"""What a node can do wrong, as data: every fault a test puts the service through, and how a message is spoiled.

A fault names what is different from a healthy node; everything else stays as it is. Nothing here knows a socket.
Damage is such as a reader can notice: a size, an owner, an encoding, content that cannot be that account's. A single
flipped bit in a balance is not here, for nobody who asks one node can notice that.
"""

import base64
import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson
import zstandard

__all__ = ["FAULTS", "HEALTHY", "LIVE", "Damage", "Fault", "Feed", "Position", "damaged", "spoiled_notifications"]

SLOT_2_53: Final = 2**53
"""The first integer that a reader of JSON with floats for numbers cannot tell from its neighbour."""
SLOT_2_63: Final = 2**63
"""The first that no signed 64-bit field holds."""
DAMAGED_SHARE: Final = 0.5
"""Of the accounts; which ones is drawn once a fault, so that a damaged account stays damaged through it."""
OVERDUE_SLOTS: Final = 3
"""So late is a slot on a healthy chain now and then: leaders skip theirs."""
FOREIGN_OWNER: Final = "BPFLoaderUpgradeab1e11111111111111111111111"
SYSTEM_PROGRAM: Final = "1" * 32
FORKS_APART_SLOTS: Final = 4
"""From the slot that took a fork back to where the next may begin, or the fault may end."""
OLD_MESSAGE_COUNT_MAX: Final = 400
"""Notifications kept to be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Which slot a node shows, beside the chain's own newest one.

    `lag_slots` behind; a node that does not `jumps` gets there by standing still. `is_frozen` stands still for good.
    """

    lag_slots: int = 0
    is_frozen: bool = False
    jumps: bool = False


LIVE: Final = Position()
FROZEN: Final = Position(is_frozen=True)


class Feed(enum.Enum):
    """What the subscriptions bring."""

    ALL = "all"
    SILENT = "silent"
    SLOTS_ONLY = "slots only"
    SAME_SLOT = "the same slot again and again"


class Damage(enum.Enum):
    """What is wrong with an account."""

    SHORT = "cut"
    LONG = "too long"
    GARBAGE = "random bytes"
    ENCODING = "broken base64"
    OWNER = "another owner"
    ABSENT = "null, or in a notification an empty account of the system program"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How a node misbehaves; without a value in a field it behaves in that respect.

    `http_slot` and `feed_slot` are told instead of the true slot; `hangs_up` closes connections for as long as it
    lasts, `switches` once when it begins and once when it ends, as a change of the node behind one address does.

    `forks` are lengths: the chain itself leaves so many slots that it has shown, one fork after the other, and the
    fault lasts at least until the last is taken back. With `tells_reverts` off an account that is again what it was
    before the fork is not notified: a validator does that, not everybody who relays one.
    """

    name: str
    http: Position = LIVE
    feed: Position = LIVE
    feed_brings: Feed = Feed.ALL
    account_loss_fraction: float = 0.0
    slot_loss_fraction: float = 0.0
    repeat_fraction: float = 0.0
    http_damage: Damage | None = None
    feed_damage: Damage | None = None
    http_slot: int | None = None
    feed_slot: int | None = None
    http_delay_s: float = 0.0
    http_jitter_s: float = 0.0
    """Drawn for each answer, up to this, beside the delay: answers pass each other on the way."""
    feed_delay_s: float = 0.0
    http_silence_fraction: float = 0.0
    http_status: int = 200
    http_body: str = ""
    http_failure_fraction: float = field(default=1.0)
    retry_after: str = "1"
    """What an answer of status 429 names."""
    refuses_feed: bool = False
    hangs_up: bool = False
    switches: bool = False
    forks: tuple[int, ...] = ()
    tells_reverts: bool = True

    @property
    def unknowable_slots(self) -> int:
        """How many slots old a state may be without a client of this one node being able to tell.

        A node that lags shows a consistent chain, only late: no slot goes back and each follows the one before. One
        that stands still cannot be told from one between two slots until the next is overdue.
        """
        if self.http.is_frozen:
            return OVERDUE_SLOTS
        return 0 if self.http.jumps else self.http.lag_slots


HEALTHY: Final = Fault(name="healthy")


def _all_faults() -> Iterator[Fault]:
    yield Fault(name="nothing")  # the control
    yield Fault(name="frozen", http=FROZEN, feed=FROZEN)
    yield Fault(name="frozen, same slot told again", http=FROZEN, feed=FROZEN, feed_brings=Feed.SAME_SLOT)
    yield Fault(name="frozen http", http=FROZEN)
    yield Fault(name="frozen feed", feed=FROZEN)
    yield Fault(name="silent feed", feed_brings=Feed.SILENT)
    yield Fault(name="slots without accounts", feed_brings=Feed.SLOTS_ONLY)
    yield Fault(name="frozen http, slots without accounts", http=FROZEN, feed_brings=Feed.SLOTS_ONLY)
    yield Fault(name="lagging 12 slots", http=Position(lag_slots=12), feed=Position(lag_slots=12))
    yield Fault(name="lagging http 12 slots", http=Position(lag_slots=12))
    back_40, back_far = Position(lag_slots=40, jumps=True), Position(lag_slots=2_600, jumps=True)
    yield Fault(name="40 slots back", http=back_40, feed=back_40, switches=True)
    yield Fault(name="40 slots back, same connection", http=back_40, feed=back_40)
    yield Fault(name="40 slots back, http only", http=back_40)
    yield Fault(name="2600 slots back", http=back_far, feed=back_far, switches=True)
    yield Fault(name="accounts lost", account_loss_fraction=0.3)
    yield Fault(name="slots lost", slot_loss_fraction=0.3)
    yield Fault(name="old notifications again", repeat_fraction=0.5)
    for damage in Damage:
        yield Fault(name=f"damage: {damage.name.lower()}", http_damage=damage, feed_damage=damage)
    yield Fault(name="damage in the feed: short", feed_damage=Damage.SHORT)
    yield Fault(name="damage in answers: owner", http_damage=Damage.OWNER)
    yield Fault(name="feed 400 ms late", feed_delay_s=0.4)
    yield Fault(name="http 400 ms late", http_delay_s=0.4)
    yield Fault(name="all 1.5 s late", http_delay_s=1.5, feed_delay_s=1.5)
    yield Fault(name="http 0 to 800 ms late", http_jitter_s=0.8)
    yield Fault(name="http half unanswered", http_silence_fraction=0.5)
    for slot, label in ((SLOT_2_53, "2^53"), (SLOT_2_63, "2^63")):
        yield Fault(name=f"slot {label} in answers", http_slot=slot)
        yield Fault(name=f"slot {label} in the feed", feed_slot=slot)
    yield Fault(name="hanging up", hangs_up=True)
    yield Fault(name="feed refused", refuses_feed=True, switches=True)
    yield Fault(name="http 429", http_status=429, http_body="slow down")
    yield Fault(name="http 429 for a third", http_status=429, http_body="slow down", http_failure_fraction=0.33)
    yield Fault(name="http 429, wait 3 s", http_status=429, http_body="slow down", retry_after="3")
    yield Fault(name="http 500", http_status=500, http_body='{"error":"internal"}')
    yield Fault(name="http html", http_body="<html>please log in</html>")
    yield Fault(name="http half failing", http_status=503, http_failure_fraction=0.5)
    yield Fault(name="forks of 1 slot", forks=(1, 1, 1))
    yield Fault(name="forks of 5 slots", forks=(5, 5))
    yield Fault(name="fork of 31 slots", forks=(31,))
    yield Fault(name="forks, reverts untold", forks=(2, 6), tells_reverts=False)
    yield Fault(name="forks, accounts lost", forks=(3, 5), account_loss_fraction=0.3)
    yield Fault(name="forks, http 400 ms late", forks=(2, 5), http_delay_s=0.4)
    yield Fault(
        name="latency, loss, 429 and forks",
        forks=(1, 4),
        account_loss_fraction=0.1,
        http_jitter_s=0.4,
        feed_delay_s=0.1,
        http_status=429,
        http_failure_fraction=0.2,
    )


FAULTS: Final = tuple(_all_faults())


def damaged(value: Any, damage: Damage, random: Random) -> Any:
    """An account of the RPC protocol with `damage`; None is an account that does not exist."""
    if value is None or damage is Damage.ABSENT:
        return None
    if damage is Damage.OWNER:
        return value | {"owner": FOREIGN_OWNER}
    text, encoding = value["data"]
    if damage is Damage.ENCODING:
        return value | {"data": [text[: len(text) // 2 * 2 - 1], encoding]}
    data = _unpacked(text, encoding)
    if damage is Damage.SHORT:
        data = data[: len(data) // 2]
    elif damage is Damage.LONG:
        data += bytes(7)
    else:
        data = random.randbytes(len(data))
    return value | {"data": [_packed(data, encoding), encoding], "space": len(data)}


def _unpacked(text: str, encoding: str) -> bytes:
    data = base64.b64decode(text)
    return zstandard.decompress(data) if encoding == "base64+zstd" else data


def _packed(data: bytes, encoding: str) -> str:
    return base64.b64encode(zstandard.compress(data) if encoding == "base64+zstd" else data).decode()


def spoiled_notifications(
    message: bytes, fault: Fault, *, is_damaged: bool, old: list[bytes], random: Random
) -> Iterator[bytes]:
    """What a faulty node sends instead of one notification: nothing, the same, another, or an old one after it.

    `old` are the notifications of this connection so far; it is added to.
    """
    note = orjson.loads(message)
    is_slot = note["method"] == "slotNotification"
    if fault.feed_brings is Feed.SILENT or (fault.feed_brings is Feed.SLOTS_ONLY and not is_slot):
        return
    if random.random() < (fault.slot_loss_fraction if is_slot else fault.account_loss_fraction):
        return
    result = note["params"]["result"]
    if fault.feed_slot is not None:
        (result if is_slot else result["context"])["slot"] = fault.feed_slot
    if is_damaged and fault.feed_damage is not None and not is_slot:
        result["value"] = damaged(result["value"], fault.feed_damage, random) or _empty_account(result["value"])
    yield orjson.dumps(note)
    if fault.repeat_fraction and old and random.random() < fault.repeat_fraction:
        yield random.choice(old)
    old.append(message)
    del old[:-OLD_MESSAGE_COUNT_MAX]


def _empty_account(value: Any) -> Any:
    """How a notification tells that an account is gone."""
    return value | {"lamports": 0, "owner": SYSTEM_PROGRAM, "data": ["", "base64"], "space": 0}
