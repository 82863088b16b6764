"""Whatever bytes a Switchboard account holds, they are a price above zero or refused by field."""

from fakes.oracle_accounts import switchboard_account
from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.pool import Account
from quote_core.dex.switchboard import decode_pull_feed, with_value
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

FEED = Pubkey("BSzfJs4d1tAkSDqkepnfzEVcx2WtDVnwwXa2giy9PLeP")
WELL = switchboard_account(value=81.5, std_dev=0.1, slot=400_000_000)


def is_read(data: bytes) -> bool:
    try:
        price = decode_pull_feed(FEED, Account(WELL.owner, data))
    except CorruptAccount:
        return False
    assert price.price > 0.0
    assert price.conf >= 0.0
    assert price.slot > 0
    assert decode_pull_feed(FEED, Account(WELL.owner, with_value(data, price))) == price
    return True


@given(st.binary(max_size=4_000))
def test_any_bytes_are_a_price_or_refused(data: bytes) -> None:
    assert not is_read(data)  # eight bytes have to be right by chance


@given(st.integers(0, 3_200), st.binary(min_size=1, max_size=200))
def test_a_feed_damaged_anywhere_is_a_price_or_refused(offset: int, damage: bytes) -> None:
    data = (WELL.data[:offset] + damage + WELL.data[offset + len(damage) :])[: len(WELL.data)]
    assert is_read(data) or data != WELL.data


@given(st.integers(0, 3_207))
def test_a_feed_cut_anywhere_is_refused(size_bytes: int) -> None:
    assert not is_read(WELL.data[:size_bytes])
