"""Values about quotes that several services share."""

from quote_core.quotes import Provenance, route_id, split_route_id, worst_provenance
from quote_core.units import Pubkey

A, B, C = Pubkey("a"), Pubkey("b"), Pubkey("c")


def test_the_provenance_that_claims_least_stands_for_all() -> None:
    assert worst_provenance([Provenance.CHAIN, Provenance.RECORDED]) is Provenance.RECORDED
    assert worst_provenance([Provenance.PATCHED, Provenance.RECORDED]) is Provenance.PATCHED
    assert worst_provenance([Provenance.PATCHED, Provenance.SYNTHETIC]) is Provenance.SYNTHETIC


def test_a_split_is_named_by_the_pools_of_its_parts_and_by_their_percents() -> None:
    split = split_route_id([([A, B], 60), ([C], 40)])
    assert split == split_route_id([([A, B], 60), ([C], 40)])
    others = [
        split_route_id([([A, B], 59), ([C], 41)]),
        split_route_id([([C], 40), ([A, B], 60)]),
        split_route_id([([A], 60), ([B, C], 40)]),
        route_id([A, B, C]),
    ]
    assert len({split, *others}) == 5


def test_one_part_alone_is_the_route_that_it_is() -> None:
    assert split_route_id([([A, B], 100)]) == route_id([A, B])
