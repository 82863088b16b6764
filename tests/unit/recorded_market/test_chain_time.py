import struct

import pytest

from quote_core.errors import CorruptAccount
from recorded_market.chain_time import SLOTS_PER_EPOCH, ChainTime
from recorded_market.recording import Recording

TIME = ChainTime(known_slot=436_445_025, known_unix_timestamp=1_785_538_204)


def test_the_recorded_clock_says_what_was_recorded_with_it(recording: Recording) -> None:
    sysvar = recording.accounts["SysvarC1ock11111111111111111111111111111111"].data
    assert ChainTime.from_sysvar(sysvar) == TIME


def test_slot_and_unix_time_advance_together_five_slots_in_two_seconds() -> None:
    before, after = TIME.clock(436_445_025), TIME.clock(436_445_030)
    assert after.unix_timestamp - before.unix_timestamp == 2
    assert after.slot - before.slot == 5
    assert before.epoch == 436_445_025 // SLOTS_PER_EPOCH == 1010


def test_time_never_goes_back_from_slot_to_slot() -> None:
    seconds = [TIME.clock(TIME.known_slot + slot).unix_timestamp for slot in range(-50, 50)]
    assert seconds == sorted(seconds)


def test_the_sysvar_carries_the_clock_in_its_layout() -> None:
    slot = 436_500_000
    assert struct.unpack("<QqQQq", TIME.sysvar(slot)) == (
        slot,
        TIME.clock(1010 * SLOTS_PER_EPOCH).unix_timestamp,
        1010,
        1011,
        TIME.clock(slot).unix_timestamp,
    )


@pytest.mark.parametrize("seconds", [0, 1, 2, 3, 3535])
def test_the_slot_of_a_moment_is_the_first_not_before_it(seconds: int) -> None:
    moment = TIME.known_unix_timestamp + seconds
    slot = TIME.slot_at(moment)
    assert TIME.clock(slot).unix_timestamp >= moment
    assert TIME.clock(slot - 1).unix_timestamp < moment


def test_an_account_of_another_size_is_no_clock() -> None:
    with pytest.raises(CorruptAccount, match="is 39 bytes, not 40"):
        ChainTime.from_sysvar(bytes(39))
