"""A bin array read beside the one before is the array read alone, whatever has changed of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.meteora_dlmm.layout import BinArray, decode_bin_array
from quote_core.dex.pool import Account
from quote_core.dex.recorded import RecordedPool
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

ARRAY_SIZE_BYTES: Final = 10_136
Reading = Callable[[Account, tuple[bytes, BinArray] | None], BinArray | str]
CHANGES = st.lists(st.tuples(st.integers(0, ARRAY_SIZE_BYTES - 1), st.integers(0, 255)), max_size=6)


@pytest.fixture(scope="module")
def pool(recorded: Callable[[str, str], RecordedPool]) -> RecordedPool:
    return recorded("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8")


@pytest.fixture(scope="module")
def array(pool: RecordedPool) -> Account:
    return next(account for account in pool.accounts.values() if len(account.data) == ARRAY_SIZE_BYTES)


@pytest.fixture(scope="module")
def read(pool: RecordedPool) -> Reading:
    def reading(account: Account, before: tuple[bytes, BinArray] | None) -> BinArray | str:
        try:
            pair = Pubkey(pool.roles["pool"])
            return decode_bin_array(Pubkey("array"), account, pair=pair, bin_step=4, before=before)
        except CorruptAccount as refused:
            return str(refused)

    return reading


@given(changes=CHANGES)
def test_an_array_read_beside_the_one_before_is_the_array_read_alone(
    changes: list[tuple[int, int]], array: Account, read: Reading
) -> None:
    first = read(array, None)
    assert isinstance(first, BinArray)
    data = bytearray(array.data)
    for offset, value in changes:
        data[offset] = value
    changed = replace(array, data=bytes(data))
    assert read(changed, (array.data, first)) == read(changed, None)


def test_an_array_of_another_place_takes_nothing_from_the_one_before(array: Account, read: Reading) -> None:
    first = read(array, None)
    assert isinstance(first, BinArray)
    place = (first.index + 1).to_bytes(8, "little", signed=True)
    elsewhere = read(replace(array, data=array.data[:8] + place + array.data[16:]), (array.data, first))
    assert isinstance(elsewhere, BinArray)
    assert elsewhere == read(replace(array, data=array.data[:8] + place + array.data[16:]), None)
    assert elsewhere.bins[0].bin_id == first.bins[0].bin_id + len(first.bins)
