from collections.abc import Callable
from pathlib import Path

import pytest
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.pool import Account, Dex
from quote_core.dex.programs import BY_DEX, PROGRAMS, decode_pool, pool_filters
from quote_core.dex.recorded import RecordedPool
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

Recorded = Callable[[str, str], RecordedPool]
POOLS = Path(__file__).parents[3] / "golden" / "pools"
ALL_POOLS = sorted(
    (dex.label, path.stem)
    for dex in Dex
    for path in (POOLS / dex.label).glob("*.json")
    if not path.stem.startswith("partial_")
)


def test_every_dex_has_a_program() -> None:
    assert set(BY_DEX) == set(Dex)
    assert {program.dex for program in PROGRAMS.values()} == set(Dex)


@pytest.mark.parametrize(("dex_label", "name"), ALL_POOLS)
def test_recorded_pool_opens_as_its_dex_and_its_filters_find_it(recorded: Recorded, dex_label: str, name: str) -> None:
    source = recorded(dex_label, name)
    address = Pubkey(source.roles["pool"])
    pool = decode_pool(address, source.accounts[address])
    assert (pool.dex.label, pool.address) == (dex_label, address)
    account = source.accounts[address]
    for first, second in ((pool.mint_a, pool.mint_b), (pool.mint_b, pool.mint_a)):
        found = [one for one in pool_filters(first, second) if one.matches(account)]
        assert [one.dex for one in found] == [pool.dex]


def test_filter_is_the_rpc_s_form() -> None:
    mint_a, mint_b = Pubkey("1" * 32), Pubkey("So11111111111111111111111111111111111111112")
    first = next(one for one in pool_filters(mint_a, mint_b) if one.dex is Dex.RAYDIUM_AMM_V4)
    size, *compares = first.rpc_filters()
    assert size == {"dataSize": 752}
    assert [one["memcmp"]["offset"] for one in compares] == [400, 432]
    assert first.compares[1].data == bytes(SoldersPubkey.from_string(mint_b))


def test_varying_size_is_not_filtered_by_size() -> None:
    mints = Pubkey("1" * 32), Pubkey("So11111111111111111111111111111111111111112")
    pump = next(one for one in pool_filters(*mints) if one.dex is Dex.PUMPSWAP)
    assert [set(one) for one in pump.rpc_filters()] == [{"memcmp"}] * 3


def test_owner_that_is_no_dex_is_refused() -> None:
    stranger = Pubkey("11111111111111111111111111111111")
    with pytest.raises(CorruptAccount, match="not a supported DEX"):
        decode_pool(stranger, Account(stranger, b""))
