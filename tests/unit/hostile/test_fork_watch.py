"""What the service says of forks decides from when on a quote of one is a lie."""

import pytest
from hostile.fork_watch import ForkWatch

from quote_core.generated.solquote.v1 import local_quote_pb2_grpc, quotes_pb2


class Service(local_quote_pb2_grpc.LocalQuoteServiceStub):
    """Tells the figures it is given."""

    def __init__(self, forks: int, connects: int) -> None:
        self.figures = {"forks_total": float(forks), "feed_connects_total": float(connects)}

    async def Health(self, *_: object, **__: object) -> quotes_pb2.HealthResponse:  # noqa: N802 - the service's
        return quotes_pb2.HealthResponse(figures=self.figures)


@pytest.fixture
async def watch() -> ForkWatch:
    watch = ForkWatch(Service(7, 2))
    await watch.begin()
    return watch


async def test_a_fork_is_known_from_when_the_service_has_counted_it(watch: ForkWatch) -> None:
    watch.told(taken_back_by=100)
    watch.noted(7, 2, 10)
    watch.told(taken_back_by=200)
    watch.noted(8, 2, 20)
    watch.noted(8, 2, 30)
    watch.noted(9, 2, 40)
    assert [watch.known_slot(mono_ns) for mono_ns in (5, 20, 21, 40, 41)] == [0, 0, 100, 100, 200]
    assert (watch.noticed_count, watch.has_connected_anew) == (2, False)


async def test_more_than_there_were_is_not_more_than_all(watch: ForkWatch) -> None:
    watch.told(taken_back_by=100)
    watch.noted(11, 2, 10)
    assert (watch.noticed_count, watch.known_slot(11)) == (1, 100)


async def test_a_fork_never_counted_is_never_known(watch: ForkWatch) -> None:
    watch.told(taken_back_by=100)
    watch.noted(7, 2, 10)
    assert (watch.noticed_count, watch.known_slot(11)) == (0, 0)


async def test_a_feed_that_begins_anew_is_told(watch: ForkWatch) -> None:
    watch.told(taken_back_by=100)
    watch.noted(7, 3, 10)
    assert watch.has_connected_anew
