"""A node and a session for each test that asks."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from fakes.solana_node import SolanaNode


@pytest.fixture
async def node() -> AsyncIterator[SolanaNode]:
    """A running fake node."""
    node = SolanaNode()
    await node.start()
    yield node
    await node.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP session."""
    async with aiohttp.ClientSession() as session:
        yield session
