"""The directory of DEX programs: which module reads an account, and which questions find pools on chain.

A further DEX is one module that exports a `PoolProgram`, and one line here.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from quote_core.dex import (
    meteora_dlmm,
    orca_whirlpool,
    pumpswap,
    raydium_amm_v4,
    raydium_clmm,
    raydium_cpmm,
)
from quote_core.dex.labels import JUPITER_LABELS
from quote_core.dex.pool import Account, Dex, Pool
from quote_core.dex.pool_program import MemoryCompare, PoolFilter, PoolProgram
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

__all__ = [
    "BY_DEX",
    "PROGRAMS",
    "MemoryCompare",
    "PoolFilter",
    "PoolProgram",
    "decode_pool",
    "pool_filters",
    "program_labels",
    "token_filters",
]

_ALL: Final = (
    raydium_amm_v4.PROGRAM,
    raydium_cpmm.PROGRAM,
    raydium_clmm.PROGRAM,
    orca_whirlpool.PROGRAM,
    meteora_dlmm.PROGRAM,
    pumpswap.PROGRAM,
)

BY_DEX: Final[Mapping[Dex, PoolProgram]] = MappingProxyType({program.dex: program for program in _ALL})

PROGRAMS: Final[Mapping[Pubkey, PoolProgram]] = MappingProxyType(
    {program_id: program for program in _ALL for program_id in sorted(program.layout.owners)}
)
"""Program id -> the DEX it is."""


def decode_pool(pubkey: Pubkey, account: Account) -> Pool:
    """Open a pool from its own account; `Pool.accounts_needed` says what to fetch next.

    Raises:
        CorruptAccount: The owner is no DEX known here, or the bytes are not a pool of it.
    """
    program = PROGRAMS.get(account.owner)
    if program is None:
        raise CorruptAccount(pubkey, "owner", f"is {account.owner}, which is not a supported DEX program")
    return program.open_pool(pubkey, account)


def pool_filters(mint_a: Pubkey, mint_b: Pubkey) -> Iterator[PoolFilter]:
    """Yield the `getProgramAccounts` filters that find every DEX's pools of two mints, in either order."""
    for program in _ALL:
        yield from program.pool_filters(mint_a, mint_b)


def token_filters(mint: Pubkey) -> Iterator[PoolFilter]:
    """Yield the filters that find every DEX's pools of a mint and any other."""
    for program in _ALL:
        yield from program.token_filters(mint)


def program_labels() -> dict[str, str]:
    """Program id -> Jupiter's label, of all programs known here."""
    return {program_id: JUPITER_LABELS[program.dex] for program_id, program in PROGRAMS.items()}
