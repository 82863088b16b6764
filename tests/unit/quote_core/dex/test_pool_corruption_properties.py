"""Accounts that are not what they should be: refused by name, or quoted without harm; never a crash, never a hang.

A mutated account may still be a legal one (another price, another fee). Then the compiled ladder and the readable
swap must agree on it, which makes this the widest differential test of all.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from random import Random
from types import FrameType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.recorded import RecordedPool
from quote_core.errors import CorruptAccount, MarketError
from quote_core.units import Pubkey

POOLS = [
    ("raydium_amm_v4", "sol_usdc_58oQChx4"),
    ("raydium_cpmm", "sol_usdc_7JuwJuNU"),
    ("raydium_clmm", "sol_usdc_3ucNos4N_jul2026"),
    ("raydium_clmm", "sol_usdc_ts1_8sLbNZoA_may2024"),
    ("orca_whirlpool", "synthetic_adaptive_ts4_A"),
    ("orca_whirlpool", "synthetic_dynamic_arrays_samo"),
    ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8"),
    ("meteora_dlmm", "memecoin_sol_EtAdVRLF"),
    ("pumpswap", "pump_usdc_2uF4Xh61"),
    ("pumpswap", "synthetic_canonical_tier_1"),
]
every_pool = pytest.mark.parametrize(("dex_label", "name"), POOLS)
AMOUNTS = [1, 1_000, 10**6, 10**9, 10**12, 2**63, 2**64 - 1]
SYSTEM_PROGRAM = Pubkey("11111111111111111111111111111111")


def held_accounts(pool: Pool, recorded: RecordedPool) -> list[Pubkey]:
    return [need.pubkey for need in pool.accounts_needed() if need.pubkey in recorded.accounts] + [pool.address]


def refused(pool: Pool, pubkey: Pubkey, account: Account) -> CorruptAccount | None:
    try:
        pool.apply(pubkey, account)
    except CorruptAccount as refusal:
        return refusal
    return None


def swap_out(pool: Pool, direction: Direction, amount: int, clock: ChainClock) -> int:
    try:
        return pool.swap(direction, SwapMode.EXACT_IN, amount, clock).amount_out
    except MarketError:
        return 0


@every_pool
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
def test_mutated_accounts_are_refused_or_quoted_alike_by_kernel_and_twin(
    open_pool: Callable[..., Pool],
    recorded: Callable[[str, str], RecordedPool],
    clock: ChainClock,
    dex_label: str,
    name: str,
    data: st.DataObject,
):
    pool, source = open_pool(dex_label, name), recorded(dex_label, name)
    pubkey = data.draw(st.sampled_from(held_accounts(pool, source)))
    account = source.accounts[pubkey]
    mutated = bytearray(account.data)
    for _ in range(data.draw(st.integers(1, 3))):
        offset = data.draw(st.integers(8, len(mutated) - 1))
        raw = data.draw(st.binary(min_size=1, max_size=16))[: len(mutated) - offset]
        mutated[offset : offset + len(raw)] = raw
    if refusal := refused(pool, pubkey, Account(account.owner, bytes(mutated))):
        assert refusal.account == pubkey
        assert refusal.field
        return
    for direction in Direction:
        try:
            ladder = list(pool.ladder(direction, AMOUNTS, clock))
        except MarketError:
            ladder = [0] * len(AMOUNTS)
        assert ladder == [swap_out(pool, direction, amount, clock) for amount in AMOUNTS]


@every_pool
def test_truncated_oversized_and_foreign_accounts_are_refused_by_name(
    open_pool: Callable[..., Pool], recorded: Callable[[str, str], RecordedPool], dex_label: str, name: str
):
    source = recorded(dex_label, name)
    for pubkey in held_accounts(open_pool(dex_label, name), source):
        account = source.accounts[pubkey]
        wrong = [
            Account(account.owner, b""),
            Account(account.owner, account.data[: len(account.data) // 2]),
            Account(account.owner, account.data[:7]),
            Account(SYSTEM_PROGRAM, account.data),
        ]
        if not account.owner.startswith("Token"):
            wrong.append(Account(account.owner, b"\xff" * len(account.data)))
        for candidate in wrong:
            pool = open_pool(dex_label, name)
            before = list(pool.missing())
            refusal = refused(pool, pubkey, candidate)
            assert refusal is not None, (pubkey, account.owner, len(account.data), len(candidate.data))
            assert refusal.account == pubkey
            assert list(pool.missing()) == before


CALLS_MAX = 20_000
"""Far more than any look at some accounts takes, and some milliseconds."""


@contextlib.contextmanager
def bounded_work() -> Iterator[None]:
    """Fails what makes calls without end, instead of hanging with it."""
    count = 0

    def profile(frame: FrameType, event: str, what: object) -> None:
        nonlocal count
        count += event.endswith("call")
        assert count < CALLS_MAX, f"still at work in {frame.f_code.co_qualname}"

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)


@every_pool
@pytest.mark.parametrize("seed", range(4))
def test_bytes_out_of_nowhere_are_looked_at_in_bounded_time_before_anybody_takes_them(
    open_pool: Callable[..., Pool], recorded: Callable[[str, str], RecordedPool], dex_label: str, name: str, seed: int
):
    """What a notification brings is judged, for whether it is the whole of a swap, before it is decoded."""
    pool, source, random = open_pool(dex_label, name), recorded(dex_label, name), Random(seed)
    keys = held_accounts(pool, source)
    garbage = {}
    for pubkey in keys:
        account = source.accounts[pubkey]
        kept = account.data[: random.choice((0, 8, 72))]
        garbage[pubkey] = Account(account.owner, kept + random.randbytes(len(account.data) - len(kept)))
    with bounded_work():
        for pubkey in keys:
            pool.stands_alone(pubkey, garbage[pubkey])
            pool.explains({pubkey: garbage[pubkey], pool.address: garbage[pool.address]})
        pool.explains(garbage)
