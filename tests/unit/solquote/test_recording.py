import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from quote_core.dex.pool import Account
from quote_core.dex.programs import decode_pool
from quote_core.dex.recorded import load_accounts, parse_recorded_pool
from quote_core.errors import CorruptAccount, InvalidField
from quote_core.quotes import Provenance
from quote_core.solana.accounts import AccountUpdate, UpdateSource
from quote_core.solana.sysvar import CLOCK_SYSVAR, SYSVAR_OWNER
from quote_core.units import Pubkey
from solquote.recording import capture

POOLS = Path(__file__).parents[2] / "golden" / "pools"
FILES = {
    "raydium_cpmm": "sol_usdc_7JuwJuNU",
    "raydium_clmm": "sol_usdc_3ucNos4N_jul2026",
    "orca_whirlpool": "sol_usdc_ts4_Czfq3xZZ",
    "meteora_dlmm": "sol_usdc_bs4_5rCf1DM8",
}
CLOCK = Account(
    SYSVAR_OWNER, b"".join(value.to_bytes(8, "little") for value in (431_000_000, 0, 1000, 1001, 1_783_200_000))
)


class Node:
    """Answers from recorded files; every read is one slot later."""

    def __init__(self, *dex_labels: str) -> None:
        self.accounts: dict[Pubkey, Account] = {CLOCK_SYSVAR: CLOCK}
        self.pools: list[Pubkey] = []
        self.slot = 100
        for label in dex_labels:
            source = parse_recorded_pool(json.loads((POOLS / label / f"{FILES[label]}.json").read_bytes()), name=label)
            self.accounts |= source.accounts
            self.pools.append(Pubkey(source.roles["pool"]))

    async def read(self, pubkeys: Sequence[Pubkey]) -> list[AccountUpdate]:
        self.slot += 1
        return [AccountUpdate(key, self.slot, self.accounts.get(key), 0, UpdateSource.ANSWER) for key in pubkeys]

    async def provenance(self, pubkeys: Sequence[Pubkey]) -> Mapping[Pubkey, Provenance]:
        return dict.fromkeys(pubkeys, Provenance.CHAIN)


@pytest.mark.parametrize("dex_label", sorted(FILES))
async def test_capture_holds_all_that_the_pool_needs_at_one_slot(dex_label: str) -> None:
    node = Node(dex_label)
    document = await capture(node.pools, node.read, node.provenance, source="test")
    captured = parse_recorded_pool(json.loads(json.dumps(document)), name="captured")
    assert (captured.dex_label, captured.slot, captured.is_real) == (dex_label, node.slot, True)
    pool = decode_pool(node.pools[0], captured.accounts[node.pools[0]])
    load_accounts(pool, captured.accounts)
    needed = {need.pubkey for need in pool.accounts_needed()}
    assert list(pool.missing()) == []
    assert needed & set(node.accounts) <= set(captured.accounts)
    assert document["clock"] == {"slot": 431_000_000, "unix_timestamp": 1_783_200_000, "epoch": 1000}
    assert document["provenance"]["note"] == ""


async def test_synthetic_accounts_are_named() -> None:
    node = Node("raydium_cpmm")

    async def synthetic(pubkeys: Sequence[Pubkey]) -> Mapping[Pubkey, Provenance]:
        assert CLOCK_SYSVAR not in pubkeys  # its time is the chain's own, whoever keeps it
        return dict.fromkeys(node.pools, Provenance.SYNTHETIC)

    document = await capture(node.pools, node.read, synthetic, source="test")
    assert document["provenance"]["real"] is False
    assert node.pools[0] in document["provenance"]["note"]


async def test_pools_of_several_dexes_do_not_share_a_file() -> None:
    node = Node("raydium_cpmm", "orca_whirlpool")
    with pytest.raises(InvalidField, match="one DEX"):
        await capture(node.pools, node.read, node.provenance, source="test")


async def test_address_without_account_is_refused() -> None:
    node = Node("raydium_cpmm")
    nowhere = Pubkey("So11111111111111111111111111111111111111112")
    node.accounts.pop(nowhere)
    with pytest.raises(InvalidField, match=nowhere):
        await capture([nowhere], node.read, node.provenance, source="test")


async def test_account_that_is_no_pool_is_refused() -> None:
    node = Node("raydium_cpmm")
    with pytest.raises(CorruptAccount, match="not a supported DEX"):
        await capture([CLOCK_SYSVAR], node.read, node.provenance, source="test")
