import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quote_core.dex.pool import Account
from quote_core.dex.spl_token import (
    NO_TRANSFER_FEE,
    TOKEN_2022_PROGRAM,
    TOKEN_PROGRAM,
    TransferFee,
    decode_mint,
    decode_token_account,
    with_token_amount,
)
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

ADDRESS = Pubkey("58oQChx4yWmvKdwLLZzBi4ChoCc2fqCUWBkwMihLYQo2")
INITIALIZED, FROZEN = 1, 2


def token_account_bytes(amount: int, state: int = INITIALIZED) -> bytes:
    return bytes(64) + struct.pack("<Q", amount) + bytes(36) + bytes([state]) + bytes(56)


def mint_bytes(supply: int = 5, decimals: int = 6, extensions: bytes = b"") -> bytes:
    base = bytes(36) + struct.pack("<QBB", supply, decimals, 1) + bytes(36)
    return base + bytes(83) + b"\x01" + extensions if extensions else base


def transfer_fee_extension(older_bps: int, newer_bps: int, newer_epoch: int) -> bytes:
    fees = struct.pack("<QQHQQH", 0, 1000, older_bps, newer_epoch, 2000, newer_bps)
    return struct.pack("<HH", 1, 108) + bytes(72) + fees


def test_token_account_gives_amount_and_frozen_state() -> None:
    account = decode_token_account(ADDRESS, Account(TOKEN_PROGRAM, token_account_bytes(77)))
    assert (account.amount, account.is_frozen) == (77, False)
    frozen = decode_token_account(ADDRESS, Account(TOKEN_PROGRAM, token_account_bytes(77, FROZEN)))
    assert frozen.is_frozen


@pytest.mark.parametrize(
    ("owner", "data", "field"),
    [
        (ADDRESS, token_account_bytes(1), "token account.owner"),
        (TOKEN_PROGRAM, token_account_bytes(1)[:-1], "token account.size"),
        (TOKEN_PROGRAM, token_account_bytes(1) + b"\x02", "size"),
        (TOKEN_2022_PROGRAM, token_account_bytes(1) + b"\x01", "account_type"),
        (TOKEN_PROGRAM, token_account_bytes(1, state=0), "token account.state"),
        (TOKEN_PROGRAM, token_account_bytes(1, state=3), "token account.state"),
    ],
)
def test_what_is_no_token_account_is_refused_by_field(owner: Pubkey, data: bytes, field: str) -> None:
    padded = data if data[165:] != b"\x01" else data + bytes(5)
    with pytest.raises(CorruptAccount) as caught:
        decode_token_account(ADDRESS, Account(owner, padded))
    assert caught.value.field == field


def test_account_of_another_mint_is_refused_where_the_mint_is_known() -> None:
    with pytest.raises(CorruptAccount, match=r"token account\.mint"):
        decode_token_account(ADDRESS, Account(TOKEN_PROGRAM, token_account_bytes(1)), mint=ADDRESS)


def test_mint_gives_supply_and_decimals_and_no_fee() -> None:
    mint = decode_mint(ADDRESS, Account(TOKEN_PROGRAM, mint_bytes(supply=123, decimals=9)))
    assert (mint.supply, mint.decimals, mint.transfer_fee_at(5)) == (123, 9, NO_TRANSFER_FEE)


def test_newer_transfer_fee_is_in_force_from_its_epoch_on() -> None:
    other_extension = struct.pack("<HH", 3, 2) + b"\xaa\xbb"
    data = mint_bytes(extensions=other_extension + transfer_fee_extension(50, 70, newer_epoch=10))
    mint = decode_mint(ADDRESS, Account(TOKEN_2022_PROGRAM, data))
    assert mint.transfer_fee_at(9) == TransferFee(50, 1000)
    assert mint.transfer_fee_at(10) == TransferFee(70, 2000)


@pytest.mark.parametrize(
    ("extensions", "field"),
    [
        (struct.pack("<HH", 9, 500), "extension 9"),
        (struct.pack("<HH", 1, 4) + bytes(4), "transfer_fee_config.length"),
        (transfer_fee_extension(10_001, 0, 0), "transfer_fee_config.rate_bps"),
    ],
)
def test_extensions_that_cannot_be_are_refused_by_field(extensions: bytes, field: str) -> None:
    with pytest.raises(CorruptAccount) as caught:
        decode_mint(ADDRESS, Account(TOKEN_2022_PROGRAM, mint_bytes(extensions=extensions)))
    assert caught.value.field == field


def test_mint_that_is_not_initialised_is_refused() -> None:
    with pytest.raises(CorruptAccount, match=r"mint\.is_initialized"):
        decode_mint(ADDRESS, Account(TOKEN_PROGRAM, bytes(82)))


def test_transfer_fee_is_rounded_up_and_capped() -> None:
    fee = TransferFee(rate_bps=100, fee_max=7)
    assert [fee.on_amount(amount) for amount in (0, 1, 100, 101, 10_000)] == [0, 1, 1, 2, 7]


def test_a_fee_of_all_adds_the_cap() -> None:
    assert TransferFee(rate_bps=10_000, fee_max=9).for_net(5) == 9


@given(st.integers(0, 10_000), st.integers(0, 2**64 - 1), st.integers(0, 2**63))
def test_what_is_added_for_a_net_amount_delivers_it(rate_bps: int, fee_max: int, net: int) -> None:
    fee = TransferFee(rate_bps, fee_max)
    gross = net + fee.for_net(net)
    assert gross - fee.on_amount(gross) >= net


@given(st.binary(min_size=165, max_size=165), st.integers(0, 2**64 - 1))
def test_writing_a_balance_leaves_every_other_byte(data: bytes, amount: int) -> None:
    written = with_token_amount(data, amount)
    assert written[:64] + written[72:] == data[:64] + data[72:]
    assert int.from_bytes(written[64:72], "little") == amount
