"""An array read beside what it was before is the array read alone."""

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.meteora_dlmm.layout import decode_bin_array
from quote_core.dex.pool import Account
from quote_core.dex.recorded import parse_recorded_pool
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

POOL = Path(__file__).parents[4] / "golden" / "pools" / "meteora_dlmm" / "sol_usdc_bs4_5rCf1DM8.json"
RECORDED = parse_recorded_pool(json.loads(POOL.read_bytes()), name="sol_usdc")
PAIR = Pubkey(RECORDED.roles["pool"])
ARRAYS = sorted(pubkey for pubkey, account in RECORDED.accounts.items() if len(account.data) == 10_136)
INDEX_OFFSET, BINS_OFFSET, SIZE_BYTES = 8, 56, 10_136

patches = st.lists(
    st.tuples(
        st.sampled_from([INDEX_OFFSET, INDEX_OFFSET + 1]) | st.integers(BINS_OFFSET, SIZE_BYTES - 1),
        st.binary(min_size=1, max_size=300),
    )
)


def read(pubkey: Pubkey, account: Account, **options: object) -> object:
    try:
        return decode_bin_array(pubkey, account, pair=PAIR, bin_step=4, **options)  # type: ignore[arg-type]
    except CorruptAccount as refusal:
        return str(refusal)


@given(st.sampled_from(ARRAYS), st.sampled_from(ARRAYS), patches)
def test_what_was_read_before_changes_nothing(first: Pubkey, second: Pubkey, changes: list[tuple[int, bytes]]) -> None:
    before = RECORDED.accounts[first]
    data = bytearray(RECORDED.accounts[second].data)
    for offset, raw in changes:
        data[offset : offset + len(raw)] = raw
    after = Account(before.owner, bytes(data[:SIZE_BYTES]))
    array = decode_bin_array(first, before, pair=PAIR, bin_step=4)
    assert read(second, after, before=(before.data, array)) == read(second, after)


def test_bins_whose_bytes_are_the_same_are_the_same_bins() -> None:
    before = RECORDED.accounts[ARRAYS[0]]
    array = decode_bin_array(ARRAYS[0], before, pair=PAIR, bin_step=4)
    changed = bytearray(before.data)
    changed[BINS_OFFSET + 3 * 144] ^= 1
    after = decode_bin_array(
        ARRAYS[0], Account(before.owner, bytes(changed)), pair=PAIR, bin_step=4, before=(before.data, array)
    )
    same = [one is other for one, other in zip(array.bins, after.bins, strict=True)]
    assert same == [position != 3 for position in range(70)]
