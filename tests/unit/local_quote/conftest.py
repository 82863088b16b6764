"""A market for each test that asks."""

import pytest
from fakes.held_market import HeldMarket


@pytest.fixture
def held() -> HeldMarket:
    """A market without pools at a known chain time."""
    return HeldMarket()
