import pytest
from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.layout import AccountLayout, IntField, i32, i128, key, u8, u64, with_fields
from quote_core.dex.pool import Account
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

OWNER = Pubkey("675kPX9MHTjS2zt1qfr1NYHuzeLXfQM9H24wFSUt1Mp8")
OTHER = Pubkey("CPMMoo8L3F4NbTegBCKVNunggL7H1ZpdTHKxQB5qKP1C")
ADDRESS = Pubkey("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2")
LAYOUT = AccountLayout("thing", frozenset({OWNER}), 10, 12, b"\x01\x02")


def test_account_of_the_right_owner_size_and_mark_passes() -> None:
    assert LAYOUT.check(ADDRESS, Account(OWNER, b"\x01\x02" + bytes(9))) == b"\x01\x02" + bytes(9)


@pytest.mark.parametrize(
    ("owner", "data", "field"),
    [
        (OTHER, b"\x01\x02" + bytes(9), "thing.owner"),
        (OWNER, b"\x01\x02" + bytes(7), "thing.size"),
        (OWNER, b"\x01\x02" + bytes(11), "thing.size"),
        (OWNER, b"\x01\x03" + bytes(9), "thing.discriminator"),
    ],
)
def test_refusal_names_account_and_field(owner: Pubkey, data: bytes, field: str) -> None:
    with pytest.raises(CorruptAccount) as caught:
        LAYOUT.check(ADDRESS, Account(owner, data))
    assert (caught.value.account, caught.value.field) == (ADDRESS, field)


def test_signed_fields_are_two_s_complement() -> None:
    assert i32(0).read(b"\xff\xff\xff\xff") == -1
    assert i128(1).read(bytes(1) + (-(2**100)).to_bytes(16, "little", signed=True)) == -(2**100)


def test_key_is_read_as_base58() -> None:
    assert key(1).read(bytes(33)) == "1" * 32


@given(st.binary(min_size=40, max_size=40), st.integers(0, 2**64 - 1), st.integers(0, 255))
def test_written_fields_read_back_and_every_other_byte_stays(data: bytes, amount: int, flag: int) -> None:
    fields: list[tuple[IntField, int]] = [(u64(8), amount), (u8(30), flag)]
    written = with_fields(data, fields)
    assert [field.read(written) for field, _ in fields] == [amount, flag]
    assert written[:8] + written[16:30] + written[31:] == data[:8] + data[16:30] + data[31:]


def test_a_value_too_big_for_its_field_is_not_cut() -> None:
    with pytest.raises(OverflowError):
        with_fields(bytes(8), [(u64(0), 2**64)])
