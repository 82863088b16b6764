"""Recorded pools of tests/golden, opened."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from quote_core.dex.pool import Account, ChainClock, Pool
from quote_core.dex.programs import decode_pool
from quote_core.dex.recorded import RecordedPool, load_accounts, parse_recorded_pool
from quote_core.units import Pubkey

POOLS = Path(__file__).parents[3] / "golden" / "pools"


@cache
def _recorded(dex_label: str, name: str) -> RecordedPool:
    return parse_recorded_pool(json.loads((POOLS / dex_label / f"{name}.json").read_bytes()), name=name)


def _opened(dex_label: str, name: str, patches: dict[tuple[str, int], bytes] | None = None) -> Pool:
    recorded = _recorded(dex_label, name)
    accounts = dict(recorded.accounts)
    for (role, offset), raw in (patches or {}).items():
        pubkey = Pubkey(recorded.roles[role])
        before = accounts[pubkey]
        data = before.data[:offset] + raw + before.data[offset + len(raw) :]
        accounts[pubkey] = Account(before.owner, data, before.lamports)
    address = Pubkey(recorded.roles["pool"])
    pool = decode_pool(address, accounts[address])
    load_accounts(pool, accounts)
    return pool


@pytest.fixture(scope="session")
def recorded() -> Callable[[str, str], RecordedPool]:
    """Gives a recorded pool by DEX label and file name."""
    return _recorded


@pytest.fixture(scope="session")
def open_pool() -> Callable[..., Pool]:
    """Opens a recorded pool, with bytes of some roles' accounts replaced: `{(role, offset): bytes}`."""
    return _opened


@pytest.fixture(scope="session")
def clock() -> ChainClock:
    """A time after every recording."""
    return ChainClock(slot=440_000_000, unix_timestamp=1_790_000_000, epoch=1000)
