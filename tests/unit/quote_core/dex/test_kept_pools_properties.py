"""A pool that has lived through changes is the pool opened from the accounts as they are: nothing of before is left.

A pool looks anew only at what the bytes of a change say. Whatever comes, and comes back, swaps, balances, frozen and
closed vaults, arrays that vanish, bytes that are refused, time: it prices as one that saw only the end.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.dex.recorded import RecordedPool
from quote_core.errors import CorruptAccount, MarketError
from quote_core.units import Pubkey

OpenPool = Callable[..., Pool]
Recorded = Callable[[str, str], RecordedPool]
Accounts = dict[Pubkey, Account | None]

POOLS: Final = [
    ("raydium_amm_v4", "sol_usdc_58oQChx4"),
    ("raydium_cpmm", "sol_usdc_7JuwJuNU"),
    ("pumpswap", "pump_usdc_2uF4Xh61"),
    ("raydium_clmm", "sol_usdc_3ucNos4N_jul2026"),
    ("orca_whirlpool", "sol_usdc_ts4_Czfq3xZZ"),
    ("orca_whirlpool", "synthetic_adaptive_ts4_A"),
    ("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8"),
]
AMOUNTS: Final = [1, 10**3, 10**6, 10**8, 10**9, 10**10, 10**11]
AMOUNT, STATE = slice(64, 72), 108

swaps = st.tuples(st.just("swap"), st.sampled_from(Direction), st.sampled_from(AMOUNTS[3:]))
balances = st.tuples(st.just("balance"), st.sampled_from(["vault_a", "vault_b"]), st.integers(0, 2**63))
states = st.tuples(st.just("state"), st.sampled_from(["vault_a", "vault_b"]), st.sampled_from([1, 2, 3]))
losses = st.tuples(st.just("loss"), st.integers(0, 20), st.booleans())
damages = st.tuples(
    st.just("damage"), st.integers(0, 40), st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8))
)
seconds = st.tuples(st.just("time"), st.integers(1, 900), st.integers(0, 1))
steps = st.lists(swaps | swaps | balances | states | losses | damages | seconds, min_size=1, max_size=12)


class Kept:
    """One pool, what it holds, and the chain's time."""

    def __init__(self, pool: Pool, accounts: Accounts, clock: ChainClock) -> None:
        self.pool = pool
        self.first = dict(accounts)
        self.accounts = accounts
        self.clock = clock

    def apply(self, pubkey: Pubkey, account: Account | None) -> None:
        with suppress(CorruptAccount):
            self.pool.apply(pubkey, account)
            self.accounts[pubkey] = account

    def take(self, step: tuple[str, object, object]) -> None:
        kind, one, other = step
        if kind == "swap":
            with suppress(MarketError):
                swap = self.pool.swap(one, SwapMode.EXACT_IN, other, self.clock)  # type: ignore[arg-type]
                for pubkey, data in self.pool.write_swap(swap).items():
                    held = self.accounts[pubkey]
                    assert held is not None
                    self.apply(pubkey, Account(held.owner, data))
        elif kind in ("balance", "state"):
            vault = getattr(self.pool, str(one))
            held = self.accounts.get(vault) or self.first[vault]
            assert held is not None
            data = bytearray(held.data)
            if kind == "balance":
                data[AMOUNT] = other.to_bytes(8, "little")  # type: ignore[attr-defined]
            else:
                data[STATE] = other  # type: ignore[call-overload]
            self.apply(vault, Account(held.owner, bytes(data)))
        elif kind == "time":
            seconds, epochs = int(str(one)), int(str(other))
            self.clock = ChainClock(
                self.clock.slot + seconds * 2, self.clock.unix_timestamp + seconds, self.clock.epoch + epochs
            )
        else:
            self._spoil(kind, int(str(one)), other)

    def _spoil(self, kind: str, number: int, other: object) -> None:
        needs = self.pool.accounts_needed()
        named = [need.pubkey for need in needs if not need.required][2:] if number % 2 else []  # arrays, nearest first
        named = named or [self.pool.address, *(need.pubkey for need in needs)]
        pubkey = named[number // 2 % len(named)]
        first = self.first.get(pubkey)
        if kind == "loss" and pubkey != self.pool.address:
            self.apply(pubkey, first if other else None)
        elif kind == "damage" and first is not None:
            place, raw = other  # type: ignore[misc]
            data, at = bytearray(first.data), int(place * (len(first.data) - len(raw)))
            data[at : at + len(raw)] = raw
            self.apply(pubkey, Account(first.owner, bytes(data)))


def settled(pool: Pool, accounts: Accounts, clock: ChainClock) -> list[object]:
    """What the pool says of all amounts, after it was given every account it asked for because of them."""
    while True:
        told: list[object] = [pool.missing(), pool.price_holds_until(clock)]
        asked_before = list(pool.accounts_needed())
        for direction in Direction:
            try:
                told.append(list(pool.ladder(direction, AMOUNTS, clock)))
            except MarketError as refusal:
                told.append((type(refusal), str(refusal)))
            for amount in AMOUNTS[::3]:
                try:
                    swap = pool.swap(direction, SwapMode.EXACT_IN, amount, clock)
                    told.append((swap.amount_out, swap.fee_amount, dict(pool.write_swap(swap))))
                except (MarketError, OverflowError) as refusal:
                    told.append(type(refusal))
            with suppress(MarketError):
                told += [pool.fee_fraction(direction, clock), pool.spot_price(clock)]
        new = [need for need in pool.accounts_needed() if need not in asked_before]
        if not new:
            return told
        for need in new:
            pool.apply(need.pubkey, accounts.get(need.pubkey))


def opened(kept: Kept) -> Pool:
    """A pool that sees what is held now, and nothing else."""
    own = kept.accounts[kept.pool.address]
    assert own is not None
    pool, asked = decode_pool(kept.pool.address, own), set[Pubkey]()
    while wanted := [need.pubkey for need in pool.accounts_needed() if need.pubkey not in asked]:
        for pubkey in wanted:
            asked.add(pubkey)
            pool.apply(pubkey, kept.accounts.get(pubkey))
    return pool


@pytest.mark.parametrize(("dex_label", "name"), POOLS)
@settings(max_examples=60, deadline=None)
@given(steps=steps)
def test_a_pool_that_was_changed_is_one_opened_from_what_it_holds(
    open_pool: OpenPool,
    recorded: Recorded,
    clock: ChainClock,
    dex_label: str,
    name: str,
    steps: list[tuple[str, object, object]],
) -> None:
    kept = Kept(open_pool(dex_label, name), dict(recorded(dex_label, name).accounts), clock)
    for step in steps:
        kept.take(step)
        for need in kept.pool.accounts_needed():  # what it came to need is given to it, as the store does
            kept.apply(need.pubkey, kept.accounts.get(need.pubkey))
        assert settled(kept.pool, kept.accounts, kept.clock) == settled(opened(kept), kept.accounts, kept.clock), step
