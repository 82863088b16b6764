"""A checker that passes everything would find nothing: honest quotes pass it, and each way to lie is caught."""

from dataclasses import replace

import pytest
from hostile.checker import Answered, Checker, Limits, Tally
from hostile.truth import Truth

from quote_core.dex.pool import Direction, SwapMode
from quote_core.tokens import load_tokens
from quote_core.units import NS_PER_S
from recorded_market.genesis import make_genesis
from recorded_market.market import Market
from recorded_market.recording import load_recording

REGISTRY = load_tokens()
SEED = 3
SLOT_COUNT = 60
SLOT_NS = NS_PER_S // 10
AMOUNT = 1_000_000_000
FORK_AFTER, FORK_SLOTS = 30, 5
LIMITS = Limits(clock_lag_s_max=2, tolerance_ns=SLOT_NS // 2, stale_after_ns=5 * NS_PER_S)


def came_mono_ns(truth: Truth, slot: int) -> int:
    return NS_PER_S + (slot - truth.first_slot) * SLOT_NS


@pytest.fixture(scope="module")
def quotes() -> list[Answered]:
    """A quote of every pool at every slot, priced by another market of the same seed, vouched for as the slot came."""
    return quotes_of(Market(make_genesis(load_recording(), REGISTRY, seed=SEED)), fork_after=SLOT_COUNT)


def quotes_of(market: Market, *, fork_after: int) -> list[Answered]:
    first_slot = market.clock.slot
    made = []
    for number in range(SLOT_COUNT):
        if number == fork_after:
            market.begin_fork(FORK_SLOTS)
        market.advance()
        mono_ns = NS_PER_S + (market.clock.slot - first_slot) * SLOT_NS
        for pool in market.tradable_pools():
            swap = pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, AMOUNT, market.clock)
            made.append(
                Answered(
                    pool_id=pool.address,
                    protocol=pool.dex.label,
                    input_mint=pool.mint_a,
                    input_amount=AMOUNT,
                    output_amount=swap.amount_out,
                    slot=market.clock.slot,
                    is_stale=False,
                    told_age_ns=SLOT_NS,
                    vouched_mono_ns=mono_ns,
                    received_mono_ns=mono_ns + SLOT_NS,
                )
            )
    return made


@pytest.fixture(scope="module")
def truth() -> Truth:
    truth = Truth(Market(make_genesis(load_recording(), REGISTRY, seed=SEED)))
    for slot in range(truth.first_slot + 1, truth.first_slot + SLOT_COUNT + 1):
        truth.slot_came(slot, came_mono_ns(truth, slot))
    return truth


@pytest.fixture
def checker(truth: Truth) -> Checker:
    return Checker(truth, LIMITS)


def superseded(truth: Truth, quotes: list[Answered]) -> tuple[Answered, int]:
    """A quote and the first later slot at which its pool gives something else."""
    by_pool = {(quote.pool_id, quote.slot): quote for quote in quotes}
    for quote in quotes:
        for slot in truth.changes_after(quote.pool_id, quote.slot):
            if by_pool[quote.pool_id, slot].output_amount != quote.output_amount:
                return quote, slot
    raise AssertionError("no pool ever changed")


def test_honest_quotes_pass(checker: Checker, quotes: list[Answered]):
    tally = Tally()
    for quote in quotes:
        checker.count(quote, tally, unknowable_ns=0)
    assert tally.fault_count == 0, tally.examples
    assert (tally.checked_count, tally.younger_by_ns_max) == (len(quotes), 0)
    assert len({quote.protocol for quote in quotes}) >= 4


@pytest.mark.parametrize("by", [1, -1])
def test_one_unit_off_is_wrong(checker: Checker, quotes: list[Answered], by: int):
    for quote in quotes[:: len(quotes) // 50]:
        assert not checker.judge(replace(quote, output_amount=quote.output_amount + by)).is_right


def test_the_state_of_another_slot_is_wrong(checker: Checker, truth: Truth, quotes: list[Answered]):
    quote, later_slot = superseded(truth, quotes)
    assert not checker.judge(replace(quote, slot=later_slot)).is_right


@pytest.mark.parametrize("slot", [0, 2**53, 2**63, 2**64 - 1])
def test_a_slot_that_never_was_is_wrong(checker: Checker, quotes: list[Answered], slot: int):
    tally = Tally()
    checker.count(replace(quotes[0], slot=slot), tally, unknowable_ns=0)
    assert tally.wrong_fresh_count == 1


def test_a_quote_of_no_pool_is_wrong(checker: Checker, quotes: list[Answered]):
    assert not checker.judge(replace(quotes[0], pool_id=quotes[0].input_mint)).is_right


def test_a_state_vouched_for_after_it_had_changed_is_younger_than_the_truth(
    checker: Checker, truth: Truth, quotes: list[Answered]
):
    quote, later_slot = superseded(truth, quotes)
    late_ns = 7 * SLOT_NS
    lie = replace(quote, vouched_mono_ns=came_mono_ns(truth, later_slot) + late_ns)
    assert checker.judge(lie).younger_by_ns == late_ns
    assert checker.judge(replace(lie, vouched_mono_ns=came_mono_ns(truth, later_slot))).younger_by_ns == 0
    strict, lenient = Tally(), Tally()
    checker.count(lie, strict, unknowable_ns=0)
    checker.count(lie, lenient, unknowable_ns=late_ns)
    assert (strict.age_violation_count, lenient.age_violation_count) == (1, 0)
    assert lenient.younger_by_ns_max == late_ns


def test_a_stale_quote_may_be_wrong_but_not_younger_than_the_truth(
    checker: Checker, truth: Truth, quotes: list[Answered]
):
    quote, later_slot = superseded(truth, quotes)
    tally = Tally()
    stale = replace(quote, is_stale=True)
    checker.count(replace(stale, output_amount=1), tally, unknowable_ns=0)
    assert (tally.wrong_fresh_count, tally.wrong_stale_count, tally.fault_count) == (0, 1, 0)
    lie = replace(stale, vouched_mono_ns=came_mono_ns(truth, later_slot) + NS_PER_S)
    checker.count(lie, tally, unknowable_ns=0)
    assert tally.age_violation_count == 1


def test_an_age_below_that_of_the_vouched_time_is_understated(checker: Checker, quotes: list[Answered]):
    quote = replace(quotes[0], asked_mono_ns=quotes[0].vouched_mono_ns + NS_PER_S)
    assert checker.judge(replace(quote, told_age_ns=NS_PER_S)).understated_ns == 0
    assert checker.judge(replace(quote, told_age_ns=0)).understated_ns > NS_PER_S * 9 // 10


def test_fresh_beyond_the_limit_is_a_contradiction(checker: Checker, quotes: list[Answered]):
    tally = Tally()
    checker.count(replace(quotes[0], told_age_ns=LIMITS.stale_after_ns + 1), tally, unknowable_ns=0)
    assert tally.fresh_beyond_limit_count == 1


@pytest.fixture(scope="module")
def forked_quotes() -> list[Answered]:
    return quotes_of(Market(make_genesis(load_recording(), REGISTRY, seed=SEED)), fork_after=FORK_AFTER)


@pytest.fixture(scope="module")
def forked_truth() -> Truth:
    truth = Truth(Market(make_genesis(load_recording(), REGISTRY, seed=SEED)))
    truth.fork_begins(truth.first_slot + FORK_AFTER + 1, FORK_SLOTS)
    for slot in range(truth.first_slot + 1, truth.first_slot + SLOT_COUNT + 1):
        truth.slot_came(slot, came_mono_ns(truth, slot))
    return truth


@pytest.fixture
def forked_checker(forked_truth: Truth) -> Checker:
    return Checker(forked_truth, LIMITS)


def taken_back_by(truth: Truth) -> int:
    return truth.first_slot + FORK_AFTER + FORK_SLOTS + 1


def of_fork(truth: Truth, quotes: list[Answered], *, has_changed: bool) -> Answered:
    """A quote of the fork's last slot whose pool the fork did or did not change, to its price."""
    by_pool = {(quote.pool_id, quote.slot): quote for quote in quotes}
    slot = taken_back_by(truth) - 1
    for quote in quotes:
        if quote.slot == slot:
            before = by_pool[quote.pool_id, slot - FORK_SLOTS]
            is_other = before.output_amount != quote.output_amount
            is_touched = bool([one for one in truth.changes_after(quote.pool_id, before.slot) if one <= slot])
            if is_other == has_changed == is_touched:
                return quote
    raise AssertionError("no such pool")


def test_quotes_of_a_fork_are_right_while_it_is_the_chain(
    forked_checker: Checker, forked_truth: Truth, forked_quotes: list[Answered]
):
    assert forked_truth.standing_slot(taken_back_by(forked_truth) - 1) == forked_truth.first_slot + FORK_AFTER
    tally = Tally()
    for quote in forked_quotes:
        forked_checker.count(quote, tally, unknowable_ns=0)
    assert (tally.fault_count, tally.younger_by_ns_max) == (0, 0), tally.examples


def test_a_market_that_was_not_told_of_the_fork_finds_quotes_after_it_wrong(
    checker: Checker, forked_truth: Truth, forked_quotes: list[Answered]
):
    after = [quote for quote in forked_quotes if quote.slot >= taken_back_by(forked_truth)]
    assert not all(checker.judge(quote).is_right for quote in after)


def test_a_quote_of_a_fork_is_dead_once_the_service_has_said_that_it_knows(
    forked_checker: Checker, forked_truth: Truth, forked_quotes: list[Answered]
):
    quote, known_slot = of_fork(forked_truth, forked_quotes, has_changed=True), taken_back_by(forked_truth)
    tally = Tally()
    for fine in (
        replace(quote, known_slot=known_slot - 1),
        replace(quote, known_slot=known_slot, is_stale=True),
        replace(of_fork(forked_truth, forked_quotes, has_changed=False), known_slot=known_slot),
    ):
        forked_checker.count(fine, tally, unknowable_ns=0)
    assert tally.fault_count == 0, tally.examples
    forked_checker.count(replace(quote, known_slot=known_slot), tally, unknowable_ns=0)
    assert (tally.dead_count, tally.fault_count, tally.is_broken) == (1, 1, True)


def test_how_long_a_dead_state_was_shown_is_told_whether_or_not_it_was_known(
    forked_checker: Checker, forked_truth: Truth, forked_quotes: list[Answered]
):
    quote = of_fork(forked_truth, forked_quotes, has_changed=True)
    late = replace(
        quote, told_age_ns=came_mono_ns(forked_truth, taken_back_by(forked_truth) + 3) - quote.vouched_mono_ns
    )
    assert forked_checker.judge(late).dead_by_ns == 3 * SLOT_NS
    assert not forked_checker.judge(late).is_dead


def test_a_state_of_a_fork_vouched_for_after_it_was_taken_back_is_younger_than_the_truth(
    forked_checker: Checker, forked_truth: Truth, forked_quotes: list[Answered]
):
    quote = of_fork(forked_truth, forked_quotes, has_changed=True)
    vouched_mono_ns = came_mono_ns(forked_truth, taken_back_by(forked_truth) + 2)
    assert forked_checker.judge(replace(quote, vouched_mono_ns=vouched_mono_ns)).younger_by_ns >= 2 * SLOT_NS


def test_a_state_of_before_the_fork_is_the_chains_again_after_it_and_was_not_meanwhile(
    forked_checker: Checker, forked_truth: Truth, forked_quotes: list[Answered]
):
    fork_slots = range(forked_truth.first_slot + FORK_AFTER + 1, taken_back_by(forked_truth))
    by_pool = {(quote.pool_id, quote.slot): quote for quote in forked_quotes}
    before = next(
        quote
        for quote in forked_quotes
        if quote.slot == fork_slots[0] - 1
        and by_pool[quote.pool_id, fork_slots[-1]].output_amount != quote.output_amount
        and by_pool[quote.pool_id, taken_back_by(forked_truth)].output_amount == quote.output_amount
    )
    again = replace(before, vouched_mono_ns=came_mono_ns(forked_truth, taken_back_by(forked_truth)) + 1)
    meanwhile = replace(before, vouched_mono_ns=came_mono_ns(forked_truth, fork_slots[-1]) + SLOT_NS // 2)
    assert forked_checker.judge(again).younger_by_ns == 0
    assert forked_checker.judge(meanwhile).younger_by_ns >= SLOT_NS // 2


def test_a_fork_that_was_never_noticed_breaks_a_promise():
    assert Tally(forks_unnoticed_count=1).is_broken
    assert not Tally().is_broken
