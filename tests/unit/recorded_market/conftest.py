"""The recording and the registry, read once; a market that a test may play on."""

from collections.abc import Callable

import pytest

from quote_core.tokens import TokenRegistry, load_tokens
from recorded_market.genesis import Genesis, make_genesis
from recorded_market.recording import Recording, load_recording


@pytest.fixture(scope="session")
def recording() -> Recording:
    return load_recording()


@pytest.fixture(scope="session")
def tokens() -> TokenRegistry:
    return load_tokens()


@pytest.fixture
def genesis_of(recording: Recording, tokens: TokenRegistry) -> Callable[[int], Genesis]:
    """A fresh first slot for a seed."""
    return lambda seed: make_genesis(recording, tokens, seed=seed)


@pytest.fixture
def genesis(genesis_of: Callable[[int], Genesis]) -> Genesis:
    return genesis_of(1)
