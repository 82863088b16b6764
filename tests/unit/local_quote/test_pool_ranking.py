"""Which pools are held, against what the module's table says in the plainest words."""

from hypothesis import given
from hypothesis import strategies as st

from local_quote.pool_ranking import Candidate, DropReason, RankingLimits, ranked
from quote_core.dex.pool import Dex
from quote_core.units import Pubkey

PAIRS = ((Pubkey("a"), Pubkey("b")), (Pubkey("a"), Pubkey("c")))
_depths = st.none() | st.integers(0, 100)


@st.composite
def _candidates(draw: st.DrawFn) -> list[Candidate]:
    made = st.builds(
        lambda pair, dex, depth, is_named, is_held: (pair, dex, depth, is_named, is_held),
        st.sampled_from(PAIRS),
        st.sampled_from([Dex.RAYDIUM_CPMM, Dex.ORCA_WHIRLPOOL]),
        _depths,
        st.booleans(),
        st.booleans(),
    )
    return [
        Candidate(Pubkey(f"{number:03}"), pair, dex, depth, is_named, is_held)
        for number, (pair, dex, depth, is_named, is_held) in enumerate(draw(st.lists(made, max_size=40)))
    ]


_limits = st.builds(RankingLimits, st.integers(0, 60), st.integers(1, 4), st.integers(1, 30))


def counted(candidate: Candidate) -> float:
    """The depth that it competes with."""
    depth = -1 if candidate.depth_lamports is None else candidate.depth_lamports
    return depth * 1.25 if candidate.is_held and depth > 0 else depth


@given(candidates=_candidates(), limits=_limits, order=st.randoms())
def test_every_candidate_is_held_or_dropped_for_a_reason_that_holds(
    candidates: list[Candidate], limits: RankingLimits, order: object
) -> None:
    kept, dropped = ranked(candidates, limits)
    assert sorted(one.pool_id for one in [*kept, *(drop.candidate for drop in dropped)]) == sorted(
        one.pool_id for one in candidates
    )
    assert len(kept) <= limits.count_max
    shuffled = list(candidates)
    order.shuffle(shuffled)  # type: ignore[attr-defined]  # a Random
    assert ranked(shuffled, limits) == (kept, dropped), "what was found first counts for nothing"
    for one in kept:
        assert one.is_named or one.depth_lamports is None or one.depth_lamports >= limits.floor_lamports
    for drop in dropped:
        one = drop.candidate
        rivals = [other for other in kept if other.is_named or counted(other) >= counted(one)]
        match drop.reason:
            case DropReason.SHALLOW:
                assert not one.is_named
                assert one.depth_lamports is not None
                assert one.depth_lamports < limits.floor_lamports
            case DropReason.OUTRANKED:
                assert not one.is_named
                same = [other for other in rivals if (other.pair, other.dex) == (one.pair, one.dex)]
                assert len(same) >= limits.per_pair_and_dex_max
            case DropReason.NO_ROOM:
                assert len(rivals) == limits.count_max


def test_of_two_about_as_deep_the_one_that_is_held_stays() -> None:
    limits = RankingLimits(floor_lamports=0, per_pair_and_dex_max=1, count_max=9)

    def kept(held_depth: int, other_depth: int) -> list[str]:
        held = Candidate(Pubkey("held"), PAIRS[0], Dex.RAYDIUM_CPMM, held_depth, is_held=True)
        other = Candidate(Pubkey("b"), PAIRS[0], Dex.RAYDIUM_CPMM, other_depth)
        return [one.pool_id for one in ranked([other, held], limits)[0]]

    assert kept(100, 124) == ["held"]
    assert kept(100, 126) == ["b"]
