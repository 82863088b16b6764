"""However notifications come, a pool is only ever as some slot left it; no part of real changes passes for whole."""

from collections import defaultdict
from collections.abc import Mapping

import pytest
from fakes.held_market import HeldMarket
from fakes.plain_pool import vault_account
from hypothesis import given
from hypothesis import strategies as st

from local_quote.companions import Companions
from quote_core.dex.pool import Account, Pool
from quote_core.dex.programs import decode_pool
from quote_core.dex.spl_token import token_amount
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.tokens import load_tokens
from quote_core.units import Pubkey
from recorded_market.genesis import make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.recording import load_recording

SETTLE_NS, WAIT_NS = 1_000_000, 20_000_000
SLOT_COUNT = 400


@st.composite
def slots(draw: st.DrawFn) -> list[tuple[int, int, bool, bool]]:
    """What each slot adds to the vaults, and which of the two is written."""
    change = st.integers(1, 1_000)
    written = st.sampled_from([(True, True), (True, True), (True, True), (True, False), (False, True)])
    return [(draw(change), draw(change), *draw(written)) for _ in range(draw(st.integers(1, 8)))]


@given(slots=slots(), data=st.data())
def test_a_pool_is_as_a_slot_left_it_and_comes_to_be_as_the_last_did(
    slots: list[tuple[int, int, bool, bool]], data: st.DataObject
) -> None:
    held = HeldMarket()
    pool = held.add("p", 10**12, 80 * 10**9)
    companions = Companions(store=held.market.store, settle_ns=SETTLE_NS, wait_ns_max=WAIT_NS)
    states = {held.slot: (10**12, 80 * 10**9)}
    queues: dict[Pubkey, list[AccountUpdate]] = defaultdict(list)
    for added_a, added_b, writes_a, writes_b in slots:
        slot = max(states) + 1
        amount_a, amount_b = states[slot - 1]
        states[slot] = amount_a + added_a * writes_a, amount_b + added_b * writes_b
        for is_written, vault, amount in zip(
            (writes_a, writes_b), (pool.vault_a, pool.vault_b), states[slot], strict=True
        ):
            if is_written:
                queues[vault].append(AccountUpdate(vault, slot, vault_account(amount), 0, UpdateSource.NOTIFICATION))
    held_slot, now_mono_ns, is_being_read = held.slot, held.clock.mono_ns(), False
    while waiting := [vault for vault in (pool.vault_a, pool.vault_b) if queues[vault]]:
        action = data.draw(st.integers(0, 6))
        if action == 6:  # a read begins: of what is held by then, and what comes while it lasts is not of it
            now_mono_ns += WAIT_NS
            due = companions.due(now_mono_ns)
            assert not (due and is_being_read)
            is_being_read |= bool(due)
        elif action >= 4:  # a read, of any slot since the last, or one that was not answered
            if action == 4:
                held_slot = held.slot = data.draw(st.integers(held_slot, max(states)))
                held.market.apply(held.updates(pool, *states[held.slot]))
                held.market.apply(companions.take_again(held.clock.mono_ns()))
            if is_being_read:
                companions.was_read([pool.address], now_mono_ns)
                is_being_read = False
        else:
            update = queues[data.draw(st.sampled_from(waiting))].pop(0)
            held.market.apply(companions.take([update], held.clock.mono_ns()))
        assert reserves(held, pool) in states.values()
    if is_being_read:
        companions.was_read([pool.address], now_mono_ns)
    if companions:
        assert companions.next_due_mono_ns() is not None
        held.slot = max(states)
        held.market.apply(held.updates(pool, *states[held.slot]))
        held.market.apply(companions.take_again(held.clock.mono_ns()))
    assert not companions
    assert reserves(held, pool) == states[max(states)]


def reserves(held: HeldMarket, pool: Pool) -> tuple[int, int]:
    accounts = [held.market.store.account(vault) for vault in (pool.vault_a, pool.vault_b)]  # type: ignore[attr-defined]
    amount_a, amount_b = (token_amount(one.account.data) for one in accounts)  # type: ignore[union-attr]
    return amount_a, amount_b


@pytest.fixture(scope="module")
def changes() -> list[tuple[Pool, Mapping[Pubkey, Account], Mapping[Pubkey, Account]]]:
    """Pools of a recorded flow as a slot found them, what it wrote of each, and what of that are other bytes."""
    market = Market(make_genesis(load_recording(), load_tokens(), seed=3))
    found = []
    before = dict(market.ledger.view(Commitment.PROCESSED).accounts)
    addresses = [pool.address for pool in market.tradable_pools()]
    for _ in range(SLOT_COUNT):
        written = market.advance()[Commitment.PROCESSED].changes
        for address in addresses:
            if address not in written:
                continue
            pool = loaded(address, before)
            own = {pool.address, *(need.pubkey for need in pool.accounts_needed())}
            mine = {pubkey: account for pubkey, account in written.items() if pubkey in own}
            found.append((pool, mine, {one: mine[one] for one in mine if mine[one].data != before[one].data}))
        before.update(written)
    return found


def loaded(address: Pubkey, accounts: Mapping[Pubkey, Account]) -> Pool:
    pool = decode_pool(address, accounts[address])
    asked: set[Pubkey] = set()
    while wanted := [need.pubkey for need in pool.accounts_needed() if need.pubkey not in asked]:
        for pubkey in wanted:
            asked.add(pubkey)
            pool.apply(pubkey, accounts.get(pubkey))
    return pool


def test_of_what_slots_changed_no_part_passes_for_all_of_it(
    changes: list[tuple[Pool, Mapping[Pubkey, Account], Mapping[Pubkey, Account]]],
) -> None:
    whole_count, part_count = defaultdict(int), 0
    for pool, written, changed in changes:
        matters = {one: account for one, account in changed.items() if not pool.stands_alone(one, account)}
        whole_count[pool.dex] += pool.moved_together <= written.keys() and pool.explains(matters)
        for left_out in matters:
            part = {one: account for one, account in matters.items() if one != left_out}
            is_told = pool.moved_together <= written.keys() - {left_out}
            part_count += 1
            assert not (part and is_told and pool.explains(part)), (pool.dex, left_out)
    assert part_count > 1_000
    assert len(whole_count) == 6
    assert all(whole_count.values()), whole_count
