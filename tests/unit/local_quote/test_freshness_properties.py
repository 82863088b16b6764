"""Whatever a node says, in whatever order: no state is told younger than it is, and a doubt always shows."""

from fakes.fake_clock import FakeClock
from fakes.plain_pool import OWNER, PlainPool, vault_account
from hypothesis import given, settings
from hypothesis import strategies as st

from local_quote.chain_progress import ChainProgress
from local_quote.pool_store import Doubt, PoolStore
from quote_core.dex.pool import Account
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource

SLOT_MS = 400
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 40), st.integers(0, 3_000)),  # slots behind, delay of the answer
        st.tuples(st.just("part"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("notify"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("damage"), st.integers(0, 3), st.just(0)),
        st.tuples(st.just("slot"), st.sampled_from([0, 0, 0, 1, 5, 33, 2_600, -(2**40)]), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 10_000), st.just(0)),
        st.tuples(st.just("doubt"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, is_frozen_after=st.integers(0, 40))
def test_nothing_but_an_answer_of_an_advancing_chain_makes_a_pool_younger(
    steps: list[tuple[str, int, int]], is_frozen_after: int
) -> None:
    """`told_at` is the truth: when the node last showed a slot for the first time."""
    clock, progress = FakeClock(), ChainProgress()
    store = PoolStore(progress=progress, clock=clock)
    pool = PlainPool("p", "A", "B")
    store.add(pool, AccountUpdate("p", 1, Account(OWNER, b"pool"), 1, UpdateSource.ANSWER), Provenance.RECORDED)
    entry = store.entry("p")
    assert entry is not None
    start_ns, slot_at_start = clock.mono_ns(), 10_000
    frozen_ns: int | None = None

    def true_slot() -> int:
        until_ns = clock.mono_ns() if frozen_ns is None else frozen_ns
        return slot_at_start + (until_ns - start_ns) // (SLOT_MS * 1_000_000)

    for index, (kind, number, delay_ms) in enumerate(steps):
        if index == is_frozen_after:
            frozen_ns = clock.mono_ns()
        vouched_before, doubt_before = entry.freshness.vouched.mono_ns, entry.doubt
        asked_ns = clock.mono_ns()
        if kind == "wait":
            clock.advance_ms(number)
        elif kind == "slot":
            progress.see(max(0, true_slot() - number), clock.mono_ns(), is_answer=False)
        elif kind in ("read", "part"):
            slot = true_slot() - number
            clock.advance_ms(delay_ms)
            updates = pool.updates(slot, 20, slot=slot, mono_ns=asked_ns)
            progress.see(slot, clock.mono_ns(), is_answer=True)
            store.apply(updates if kind == "read" else updates[:2])
        elif kind == "doubt":
            store.doubt(["p"], Doubt.UNREADABLE)
        else:
            account = Account(OWNER, b"short") if kind == "damage" else vault_account(true_slot() - number)
            notification = UpdateSource.NOTIFICATION
            slot = true_slot() - number
            if progress.is_possible(slot, clock.mono_ns()):
                store.apply([AccountUpdate("p-vault-a", slot, account, clock.mono_ns(), notification)])

        vouched = entry.freshness.vouched.mono_ns
        if vouched != vouched_before:
            assert kind == "read"
            assert vouched_before < vouched <= asked_ns
            # The state of the slot answered ended when the next one began: as of no later may it be vouched for,
            # except by the time that a slot may be late.
            ended_ns = start_ns + (entry.read_slot + 1 - slot_at_start) * SLOT_MS * 1_000_000
            assert vouched <= ended_ns + 41 * SLOT_MS * 1_000_000
            if number == 0 and frozen_ns is None:
                assert vouched <= ended_ns
        if doubt_before is not None and entry.doubt is None:
            assert kind == "read"
            assert vouched <= asked_ns
        assert entry.is_stale(clock.mono_ns(), 5 * 10**9) or (
            entry.doubt is None and clock.mono_ns() - vouched <= 5 * 10**9
        )
        if frozen_ns is not None and clock.mono_ns() - frozen_ns > 60 * 10**9:
            assert entry.is_stale(clock.mono_ns(), 5 * 10**9)
