from fakes.held_quotes import held

from aggregator.held import Source
from aggregator.routes import Routes


def test_route_gives_the_quote_that_last_used_it() -> None:
    routes = Routes()
    routes.note(held(1, route_id=5))
    routes.note(held(2, route_id=5))
    found = routes.find(5)
    assert found is not None
    assert found.newest.output_amount == 2
    assert routes.find(6) is None


def test_both_sources_through_the_same_pools_are_one_route_that_the_local_one_knows() -> None:
    routes = Routes()
    for number, source in enumerate((Source.EXTERNAL, Source.LOCAL, Source.EXTERNAL, Source.EXTERNAL)):
        routes.note(held(number, source=source, route_id=5))
        found = routes.find(5)
        assert found is not None
        assert found.newest.output_amount == number
        assert found.knower.output_amount == min(number, 1)
    assert len(routes) == 1


def test_routes_longest_unused_go_first() -> None:
    routes = Routes(count_max=2)
    for route_id in (1, 2, 1, 3):
        routes.note(held(route_id=route_id))
    assert routes.find(2) is None
    assert routes.find(1) is not None
    assert len(routes) == 2
