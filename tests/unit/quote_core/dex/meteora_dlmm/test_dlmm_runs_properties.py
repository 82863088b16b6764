"""An array laid out from its bytes is the array that was read, laid out."""

import json
import struct
from array import array
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.dex.meteora_dlmm._ladder import BinLadder, BinRun, priceless_bins
from quote_core.dex.meteora_dlmm.layout import decode_bin_array
from quote_core.dex.meteora_dlmm.state import BINS_PER_ARRAY, FeeParameters, Volatility
from quote_core.dex.meteora_dlmm.swap import bins_to_trade
from quote_core.dex.pool import Account
from quote_core.dex.recorded import parse_recorded_pool
from quote_core.errors import CorruptAccount
from quote_core.units import U64_MAX, Pubkey

POOL = Path(__file__).parents[4] / "golden" / "pools" / "meteora_dlmm" / "sol_usdc_bs4_5rCf1DM8.json"
RECORDED = parse_recorded_pool(json.loads(POOL.read_bytes()), name="sol_usdc")
PAIR: Final = Pubkey(RECORDED.roles["pool"])
ARRAYS: Final = sorted(pubkey for pubkey, account in RECORDED.accounts.items() if len(account.data) == 10_136)
BINS_OFFSET, BIN_SIZE_BYTES = 56, 144
BIN: Final = struct.Struct("<QQQQ80xQQQIB3x")
AMOUNTS: Final = [1, 10**3, 10**6, 10**9, 10**12, 10**15, 10**18, U64_MAX]
FEE: Final = FeeParameters(10_000, 0, 30, 600, 5_000, 40_000, 350_000)

sizes = st.integers(0, 1) | st.integers(0, 10**12) | st.integers(0, U64_MAX)
prices = st.tuples(st.integers(0, 1) | st.integers(0, U64_MAX), st.integers(0, 2))  # low and high half; 0 = not stored
bins = st.tuples(sizes, sizes, prices, sizes, sizes, sizes, st.integers(0, 2))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(ARRAYS),
    st.dictionaries(st.integers(0, BINS_PER_ARRAY - 1), bins, max_size=6),
    st.booleans(),
    st.booleans(),
)
def test_an_array_laid_out_from_its_bytes_is_the_one_read_and_laid_out(
    pubkey: Pubkey, changes: dict[int, tuple[int, ...]], x_to_y: bool, with_orders: bool
) -> None:
    account = RECORDED.accounts[pubkey]
    data = bytearray(account.data)
    for position, (amount_x, amount_y, price, opened, total, left, ask) in changes.items():
        own = amount_x, amount_y, *price, opened, total, left, 0, ask  # type: ignore[misc]
        BIN.pack_into(data, BINS_OFFSET + position * BIN_SIZE_BYTES, *own)
    raw = bytes(data)
    try:
        read = decode_bin_array(pubkey, Account(account.owner, raw), pair=PAIR, bin_step=4)
    except CorruptAccount:
        return
    run = BinRun.of_array(raw, read.index, 4, x_to_y=x_to_y, with_orders=with_orders)
    assert run.bins() == bins_to_trade(read.bins, x_to_y=x_to_y, with_orders=with_orders)
    specified = BinRun(bins_to_trade(read.bins, x_to_y=x_to_y, with_orders=with_orders))
    active_id = read.index * BINS_PER_ARRAY + BINS_PER_ARRAY // 2
    found = [
        list(
            BinLadder([one], active_id=active_id, x_to_y=x_to_y, fee_on_output=False).pricing(
                fee=FEE, volatility=Volatility(0, 0, active_id, 0), bin_step=4, vault_out=U64_MAX, ran_out=list
            )(array("Q", AMOUNTS))
        )
        for one in (run, specified)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("cut", [1, 10_136])
def test_what_is_no_array_is_refused(cut: int) -> None:
    account = RECORDED.accounts[ARRAYS[0]]
    with pytest.raises(ValueError, match="no array"):
        BinRun.of_array(account.data[:-cut], 0, 4, x_to_y=True, with_orders=True)
    with pytest.raises(ValueError, match="no array"):
        priceless_bins(account.data[:-cut])


def test_a_bin_that_holds_something_is_to_have_a_price() -> None:
    account = RECORDED.accounts[ARRAYS[0]]
    data = bytearray(account.data)
    for position, held in ((3, (1, 0, 0, 0)), (5, (0, 1, 0, 0)), (7, (0, 0, 1, 0)), (9, (0, 0, 0, 1)), (11, (0,) * 4)):
        amount_x, amount_y, opened, left = held
        BIN.pack_into(data, BINS_OFFSET + position * BIN_SIZE_BYTES, amount_x, amount_y, 0, 0, opened, 0, left, 0, 0)
    assert [position for position in priceless_bins(bytes(data)) if position in (3, 5, 7, 9, 11)] == [3, 5, 7, 9]
