import pytest
from fakes.provider_quotes import KEY, OTHER, REVERSE

from external_quote.stream_demand import StreamDemand
from quote_core.errors import ProviderUnavailable, TooManyStreams
from quote_core.quotes import QuoteKey

ERROR = ProviderUnavailable("jupiter", "answered 500")


@pytest.fixture
def demand() -> StreamDemand:
    return StreamDemand(count_max=2)


def numbered(*keys: QuoteKey) -> list[tuple[QuoteKey, int]]:
    return [(key, number) for number, key in enumerate(keys)]


def test_keys_are_wanted_while_somebody_follows_them_most_wanted_first(demand: StreamDemand) -> None:
    with demand.follow(numbered(KEY, OTHER)):
        with demand.follow(numbered(OTHER, REVERSE)):
            assert demand.wanted() == [OTHER, KEY, REVERSE]
        assert demand.wanted() == [KEY, OTHER]
    assert demand.wanted() == []


def test_only_those_who_follow_a_key_hear_of_it_and_several_times_is_once(demand: StreamDemand) -> None:
    with demand.follow(numbered(KEY, OTHER)) as first, demand.follow(numbered(OTHER)) as second:
        demand.report(KEY, None)
        demand.report(KEY, None)
        assert (first.take(), second.take()) == ((KEY,), ())


def test_key_asked_for_twice_by_one_stream_is_wanted_by_one(demand: StreamDemand) -> None:
    with demand.follow(numbered(KEY, KEY)), demand.follow(numbered(OTHER, KEY)):
        assert demand.wanted() == [KEY, OTHER]
    assert demand.wanted() == []


def test_error_is_kept_until_the_next_success(demand: StreamDemand) -> None:
    with demand.follow(numbered(KEY)):
        demand.report(KEY, ERROR)
        assert demand.error(KEY) is ERROR
        demand.report(KEY, None)
        assert demand.error(KEY) is None


def test_error_is_forgotten_with_the_last_stream_that_wants_the_key(demand: StreamDemand) -> None:
    with demand.follow(numbered(KEY)):
        demand.report(KEY, ERROR)
    demand.report(KEY, ERROR)
    assert demand.error(KEY) is None


def test_stream_that_finds_no_place_wants_nothing(demand: StreamDemand) -> None:
    with demand.follow(numbered(KEY)), demand.follow(numbered(KEY)):
        with pytest.raises(TooManyStreams), demand.follow(numbered(OTHER)):
            pass
        assert demand.wanted() == [KEY]
