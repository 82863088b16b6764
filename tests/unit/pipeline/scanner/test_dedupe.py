import pytest
from fakes.fake_clock import FakeClock

from pipeline.scanner.dedupe import ToldLately


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def told_lately(clock: FakeClock) -> ToldLately:
    told_lately = ToldLately(clock, window_ns=1_000_000_000, better_bps=1_000)
    told_lately.told("SOL-USDC", 1_000, 100)
    return told_lately


def test_the_same_trip_is_news_again_after_the_window(told_lately: ToldLately, clock: FakeClock) -> None:
    clock.advance_ms(999)
    assert not told_lately.is_news("SOL-USDC", 1_000, 100)
    clock.advance_ms(1)
    assert told_lately.is_news("SOL-USDC", 1_000, 100)


def test_within_the_window_it_is_news_when_it_leaves_so_much_more(told_lately: ToldLately) -> None:
    assert not told_lately.is_news("SOL-USDC", 1_000, 110)
    assert told_lately.is_news("SOL-USDC", 1_000, 111)


def test_another_way_or_another_size_is_another_trip(told_lately: ToldLately) -> None:
    assert told_lately.is_news("SOL-USDC-JitoSOL", 1_000, 100)
    assert told_lately.is_news("SOL-USDC", 1_024, 100)
    assert not told_lately.is_news("SOL-USDC", 1_023, 100)


def test_what_was_told_counts_from_when_it_was_told_last(told_lately: ToldLately, clock: FakeClock) -> None:
    clock.advance_ms(900)
    told_lately.told("SOL-USDC", 1_000, 120)
    clock.advance_ms(900)
    assert not told_lately.is_news("SOL-USDC", 1_000, 120)


def test_without_a_window_everything_is_news(clock: FakeClock) -> None:
    told_lately = ToldLately(clock, window_ns=0, better_bps=1_000)
    told_lately.told("SOL-USDC", 1_000, 100)
    assert told_lately.is_news("SOL-USDC", 1_000, 1)


def test_of_very_many_trips_the_one_told_longest_ago_is_forgotten(told_lately: ToldLately) -> None:
    for number in range(8_192):
        told_lately.told(f"way-{number}", 1_000, 100)
    assert told_lately.is_news("SOL-USDC", 1_000, 100)
    assert not told_lately.is_news("way-0", 1_000, 100)
