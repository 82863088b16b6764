"""A vault of another mint, on all six DEXes: no program makes one so, or moves one to another token."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.dex.recorded import RecordedPool, load_accounts
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

OpenPool = Callable[..., Pool]
Recorded = Callable[[str, str], RecordedPool]

POOLS: Final = (
    ("raydium_amm_v4", "sol_usdc_58oQChx4"),
    ("raydium_cpmm", "sol_usdc_7JuwJuNU"),
    ("raydium_clmm", "sol_usdc_3ucNos4N_jul2026"),
    ("orca_whirlpool", "sol_usdc_ts4_Czfq3xZZ"),
    ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8"),
    ("pumpswap", "pump_usdc_2uF4Xh61"),
)
AMOUNT: Final = 10**7
AMOUNT_OFFSET: Final = 64


def of_mint(vault: Account, mint: Pubkey) -> Account:
    return replace(vault, data=bytes(SoldersPubkey.from_string(mint)) + vault.data[32:])


def holding(vault: Account, amount: int) -> Account:
    data = vault.data[:AMOUNT_OFFSET] + amount.to_bytes(8, "little") + vault.data[AMOUNT_OFFSET + 8 :]
    return replace(vault, data=data)


def answers(pool: Pool, clock: ChainClock) -> list[int]:
    return [pool.swap(direction, SwapMode.EXACT_IN, AMOUNT, clock).amount_out for direction in Direction]


@pytest.mark.parametrize(("dex_label", "name"), POOLS)
@pytest.mark.parametrize("role", ["vault_a", "vault_b"])
def test_a_vault_that_changes_its_mint_is_refused_whole(
    dex_label: str, name: str, role: str, recorded: Recorded, open_pool: OpenPool, clock: ChainClock
) -> None:
    pool, accounts = open_pool(dex_label, name), recorded(dex_label, name).accounts
    before, vault = answers(pool, clock), getattr(pool, role)
    other_mint = pool.mint_b if role == "vault_a" else pool.mint_a
    emptied_and_changed = holding(of_mint(accounts[vault], other_mint), 0)
    with pytest.raises(CorruptAccount) as refused:
        pool.apply(vault, emptied_and_changed)
    assert (refused.value.account, refused.value.field) == (vault, "token account.mint")
    assert other_mint in refused.value.rule
    assert answers(pool, clock) == before  # the balance of zero that came with it is not taken either


@pytest.mark.parametrize(("dex_label", "name"), POOLS)
@pytest.mark.parametrize("role", ["vault_a", "vault_b"])
def test_a_vault_of_its_own_mint_is_taken_after_a_refusal(
    dex_label: str, name: str, role: str, recorded: Recorded, open_pool: OpenPool, clock: ChainClock
) -> None:
    pool, accounts = open_pool(dex_label, name), recorded(dex_label, name).accounts
    before, vault = answers(pool, clock), getattr(pool, role)
    with pytest.raises(CorruptAccount):
        pool.apply(vault, of_mint(accounts[vault], vault))
    pool.apply(vault, holding(accounts[vault], 2**60))
    pool.apply(vault, accounts[vault])
    assert answers(pool, clock) == before


@pytest.mark.parametrize(("dex_label", "name"), POOLS)
@pytest.mark.parametrize("role", ["vault_a", "vault_b"])
def test_a_vault_that_shows_the_pools_other_mint_at_first_is_refused_by_name(
    dex_label: str, name: str, role: str, recorded: Recorded, clock: ChainClock
) -> None:
    """As when a node answers for one account with another one."""
    accounts = recorded(dex_label, name).accounts
    address = Pubkey(recorded(dex_label, name).roles["pool"])
    pool = decode_pool(address, accounts[address])
    vault, other = (pool.vault_a, pool.vault_b) if role == "vault_a" else (pool.vault_b, pool.vault_a)
    other_mint = pool.mint_b if role == "vault_a" else pool.mint_a
    with pytest.raises(CorruptAccount) as refused:
        pool.apply(vault, accounts[other])
    assert (refused.value.account, refused.value.field) == (vault, "token account.mint")
    assert other_mint in refused.value.rule
    load_accounts(pool, accounts)
    assert all(answer > 0 for answer in answers(pool, clock))
