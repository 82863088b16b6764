"""Each fault does what its name says, and damage is such as a reader of the protocol can notice."""

from random import Random
from typing import Any

import orjson
import pytest
from hostile.faults import FAULTS, HEALTHY, Damage, Fault, Feed, damaged, spoiled_notifications

from quote_core.dex.pool import Account
from quote_core.errors import RpcFailed
from quote_core.solana.codec import decode_account
from quote_core.units import Pubkey
from recorded_market.account_json import account_json
from recorded_market.market import FORK_SLOTS_MAX
from recorded_market.rpc_params import read_account_config

ACCOUNT = Account(Pubkey("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8"), bytes(range(200)), 7)


def as_json(encoding: str) -> dict[str, Any]:
    return account_json(ACCOUNT, read_account_config({"encoding": encoding}))


def note(method: str = "accountNotification", slot: int = 9) -> bytes:
    account = {"context": {"slot": slot}, "value": as_json("base64")}
    result = account if method == "accountNotification" else {"slot": slot, "parent": slot - 1, "root": 1}
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": {"result": result, "subscription": 4}})


def sent(message: bytes, fault: Fault, old: list[bytes] | None = None) -> list[bytes]:
    held = [] if old is None else old
    return list(spoiled_notifications(message, fault, is_damaged=True, old=held, random=Random(1)))


def test_every_fault_has_a_name_of_its_own():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_forks_are_as_long_as_forks_can_be():
    lengths = {length for fault in FAULTS for length in fault.forks}
    assert {1, 5, FORK_SLOTS_MAX} <= lengths
    assert max(lengths) <= FORK_SLOTS_MAX


@pytest.mark.parametrize("encoding", ["base64", "base64+zstd"])
@pytest.mark.parametrize("damage", Damage)
def test_a_reader_can_notice_the_damage(damage: Damage, encoding: str):
    try:
        read = decode_account("test", damaged(as_json(encoding), damage, Random(1)))
    except RpcFailed:
        assert damage is Damage.ENCODING
        return
    if damage is Damage.ABSENT:
        assert read is None
    elif damage is Damage.OWNER:
        assert read is not None
        assert (read.owner == ACCOUNT.owner, read.data) == (False, ACCOUNT.data)
    else:
        assert read is not None
        assert read.data != ACCOUNT.data
        assert (len(read.data) == len(ACCOUNT.data)) is (damage is Damage.GARBAGE)


def test_a_healthy_node_sends_what_it_got():
    for method in ("accountNotification", "slotNotification"):
        assert [orjson.loads(one) for one in sent(note(method), HEALTHY)] == [orjson.loads(note(method))]


def test_a_silent_feed_sends_nothing_and_one_without_accounts_slots_alone():
    slots_only = Fault(name="x", feed_brings=Feed.SLOTS_ONLY)
    assert sent(note(), Fault(name="x", feed_brings=Feed.SILENT)) == []
    assert sent(note(), slots_only) == []
    assert len(sent(note("slotNotification"), slots_only)) == 1


@pytest.mark.parametrize("method", ["accountNotification", "slotNotification"])
def test_lost_is_what_was_to_be_lost(method: str):
    accounts = Fault(name="x", account_loss_fraction=1.0)
    slots = Fault(name="x", slot_loss_fraction=1.0)
    is_slot = method == "slotNotification"
    assert (len(sent(note(method), accounts)), len(sent(note(method), slots))) == (is_slot, not is_slot)


def test_an_impossible_slot_is_told_in_accounts_and_slots():
    fault = Fault(name="x", feed_slot=2**63)
    assert orjson.loads(sent(note(), fault)[0])["params"]["result"]["context"]["slot"] == 2**63
    assert orjson.loads(sent(note("slotNotification"), fault)[0])["params"]["result"]["slot"] == 2**63


def test_an_old_notification_comes_again_after_the_new_one():
    old = [note(slot=3)]
    again = sent(note(slot=9), Fault(name="x", repeat_fraction=1.0), old)
    assert [orjson.loads(one)["params"]["result"]["context"]["slot"] for one in again] == [9, 3]
    assert old == [note(slot=3), note(slot=9)]
