"""Rates against what the recordings say of themselves; the conversions are in tests/golden (stake_pool.json)."""

from collections.abc import Callable

import pytest

from quote_core.dex.lst_rates import RATE_KINDS, decode_rate
from quote_core.dex.pool import Account
from quote_core.dex.recorded import RecordedPool
from quote_core.dex.spl_token import decode_mint
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

Recorded = Callable[[str, str], RecordedPool]
MARINADE = Pubkey("8szGkuLTAux9XMgZ2vtY39jVSowEcpBfFfD8hXSEqdGC")
INFINITY = Pubkey("AYhux5gJzCoeoc1PoJ1VxwPDe22RwcvpHviLDD1oCGvW")
INF_MINT = Pubkey("5oVNBeEEQvYi1cX3ir8Dx5n1P7pdxydbGF2X4TxVusJm")
HYLOSOL_HEADER = Pubkey("GMC2Q4ukPjiMjnhmxpZHDThQ4znC8oBAdveL62Tcu9rK")
STAKE_POOLS = ["bbsol", "bnsol", "bonksol", "bsol", "dsol_e793", "jitosol", "jupsol"]


def patched(account: Account, offset: int, raw: bytes) -> Account:
    return Account(account.owner, account.data[:offset] + raw + account.data[offset + len(raw) :])


@pytest.mark.parametrize("name", STAKE_POOLS)
def test_stake_pool_rate_is_lamports_over_its_own_supply(recorded: Recorded, name: str) -> None:
    source = recorded("stake_pool", name)
    pubkey = Pubkey(source.roles["pool"])
    rate = decode_rate("stake_pool", source.accounts[pubkey], mint_supply=None, account_key=pubkey)
    assert rate.sol_per_token > 1
    assert rate.epoch is not None
    # what is withdrawn for freshly minted tokens never exceeds the deposit
    assert rate.lamports_floor(rate.tokens_floor(10**12)) <= 10**12


def test_empty_stake_pool_is_one_for_one(recorded: Recorded) -> None:
    source = recorded("stake_pool", "jitosol")
    pubkey = Pubkey(source.roles["pool"])
    empty = patched(source.accounts[pubkey], 266, bytes(8))
    assert decode_rate("stake_pool", empty, mint_supply=None, account_key=pubkey).lamports_floor(7) == 7


def test_marinade_rate_is_the_one_the_state_caches(recorded: Recorded) -> None:
    account = recorded("marinade", "msol").accounts[MARINADE]
    rate = decode_rate("marinade", account, mint_supply=None, account_key=MARINADE)
    assert rate.numerator * 2**32 // rate.denominator == int.from_bytes(account.data[512:520], "little")


def test_infinity_rate_is_value_over_the_mint_s_supply(recorded: Recorded) -> None:
    accounts = recorded("sanctum_infinity", "inf_sep2024").accounts
    supply = decode_mint(INF_MINT, accounts[INF_MINT]).supply
    rate = decode_rate("infinity", accounts[INFINITY], mint_supply=supply, account_key=INFINITY)
    assert (rate.numerator, rate.denominator) == (1273945553504366, 1030780125512870)


def test_infinity_version_two_leaves_withheld_yield_and_protocol_fee_out(recorded: Recorded) -> None:
    account = recorded("sanctum_infinity", "inf").accounts[INFINITY]
    before = decode_rate("infinity", account, mint_supply=10**15, account_key=INFINITY).numerator
    withheld = int.from_bytes(account.data[216:224], "little")
    more_withheld = patched(account, 216, (withheld + 1000).to_bytes(8, "little"))
    after = decode_rate("infinity", more_withheld, mint_supply=10**15, account_key=INFINITY).numerator
    assert before - after == 1000


def test_infinity_needs_the_supply(recorded: Recorded) -> None:
    account = recorded("sanctum_infinity", "inf").accounts[INFINITY]
    with pytest.raises(CorruptAccount, match="mint_supply"):
        decode_rate("infinity", account, mint_supply=None, account_key=INFINITY)


def test_infinity_version_that_does_not_go_with_its_size_is_refused(recorded: Recorded) -> None:
    account = patched(recorded("sanctum_infinity", "inf").accounts[INFINITY], 12, b"\x01")
    with pytest.raises(CorruptAccount, match=r"infinity_pool\.version"):
        decode_rate("infinity", account, mint_supply=1, account_key=INFINITY)


def test_lido_rate_is_balance_over_supply_of_its_epoch(recorded: Recorded) -> None:
    source = recorded("lido", "stsol")
    pubkey = Pubkey(source.roles["state"])
    rate = decode_rate("lido", source.accounts[pubkey], mint_supply=None, account_key=pubkey)
    assert (rate.numerator, rate.denominator, rate.epoch) == (56547940613430, 46641106474799, 800)


def test_hylo_rate_is_the_newer_price(recorded: Recorded) -> None:
    account = recorded("hylo", "lst_headers_sep2026").accounts[HYLOSOL_HEADER]
    rate = decode_rate("hylo", account, mint_supply=None, account_key=HYLOSOL_HEADER)
    assert (rate.sol_per_token, rate.epoch) == (1.073856227, 1031)


def test_rate_that_is_not_above_zero_is_refused(recorded: Recorded) -> None:
    account = patched(recorded("marinade", "msol").accounts[MARINADE], 504, bytes(8))
    with pytest.raises(CorruptAccount, match=r"marinade_state\.rate"):
        decode_rate("marinade", account, mint_supply=None, account_key=MARINADE)


@pytest.mark.parametrize("kind", sorted(RATE_KINDS))
def test_account_of_another_program_is_refused(kind: str) -> None:
    stranger = Account(Pubkey("11111111111111111111111111111111"), bytes(700))
    with pytest.raises(CorruptAccount, match=r"\.owner"):
        decode_rate(kind, stranger, mint_supply=1, account_key=MARINADE)
