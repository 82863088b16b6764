from fakes.cycle_pairs import JITOSOL, MSOL, SOL, SQUARE, TRIANGLE, USDC

from pipeline.scanner.cycles import CYCLES_MAX, cycle_name, cycles_of
from quote_core.tokens import Pair, load_tokens


def test_a_triangle_is_gone_round_both_ways() -> None:
    assert set(cycles_of(TRIANGLE, leg_count_max=4)) == {(SOL, USDC, JITOSOL), (SOL, JITOSOL, USDC)}


def test_longer_cycles_come_behind_the_shorter_and_go_through_a_token_once() -> None:
    found = cycles_of(SQUARE, leg_count_max=4)
    assert [len(cycle) for cycle in found] == [3, 3, 3, 3, 4, 4]
    assert set(found[4:]) == {(SOL, USDC, JITOSOL, MSOL), (SOL, MSOL, JITOSOL, USDC)}
    assert cycle_name(found[4]) == "SOL-USDC-JitoSOL-mSOL"


def test_no_more_legs_are_looked_for_than_asked() -> None:
    assert {len(cycle) for cycle in cycles_of(SQUARE, leg_count_max=3)} == {3}
    assert cycles_of(SQUARE, leg_count_max=2) == ()


def test_the_delivered_pairs_form_none_and_one_more_pair_closes_a_triangle() -> None:
    pairs = load_tokens().pairs
    assert cycles_of(pairs, leg_count_max=4) == ()
    assert len(cycles_of((*pairs, Pair(JITOSOL, USDC)), leg_count_max=4)) == 2


def test_pairs_without_sol_begin_no_cycle() -> None:
    assert cycles_of((Pair(USDC, JITOSOL), Pair(JITOSOL, MSOL), Pair(MSOL, USDC)), leg_count_max=4) == ()


def test_of_more_than_there_may_be_the_shortest_are_kept() -> None:
    tokens = tuple(load_tokens())
    pairs = [Pair(one, other) for place, one in enumerate(tokens) for other in tokens[place + 1 :]]
    found = cycles_of(pairs, leg_count_max=4)
    count = len(tokens) - 1
    assert len(found) == min(CYCLES_MAX, count * (count - 1) * (count - 1))  # of three legs and of four
    assert all(len(cycle) == 3 for cycle in found[: count * (count - 1)])
    assert len(set(found)) == len(found)
