"""Who rests on whom."""

from local_quote.dependencies import DependencyIndex, pair_key


def test_a_pair_is_the_same_in_both_directions() -> None:
    assert pair_key("b", "a") == pair_key("a", "b") == ("a", "b")


def test_pools_of_a_pair_are_in_order_of_their_ids_however_they_came() -> None:
    index = DependencyIndex()
    for pool_id in ("p2", "p1", "p3", "p1"):
        index.add_pool(pool_id, ("a", "b"))
    assert index.pools_of_pair(("a", "b")) == ("p1", "p2", "p3")
    assert index.pools_of_pair(("a", "c")) == ()


def test_only_accounts_new_to_everybody_are_gained_and_only_those_of_nobody_are_lost() -> None:
    index = DependencyIndex()
    assert index.set_accounts("p1", ["shared", "one"]) == ({"shared", "one"}, frozenset())
    assert index.set_accounts("p2", ["shared", "two"]) == ({"two"}, frozenset())
    assert index.set_accounts("p1", ["other"]) == ({"other"}, {"one"})
    assert set(index.pools_of_account("shared")) == {"p2"}
    assert index.set_accounts("p2", []) == (frozenset(), {"shared", "two"})
    assert not index.pools_of_account("shared")
