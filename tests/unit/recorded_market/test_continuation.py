from collections.abc import Callable
from pathlib import Path

import pytest

from quote_core.tokens import TokenRegistry
from recorded_market.continuation import REPLAY_SLOTS_MAX, SlotFile, continue_market
from recorded_market.genesis import Genesis, make_genesis
from recorded_market.ledger import Commitment
from recorded_market.market import Market
from recorded_market.recording import Recording


@pytest.fixture
def genesis_from(recording: Recording, tokens: TokenRegistry) -> Callable[[int], Genesis]:
    return lambda slot_min: make_genesis(recording, tokens, seed=1, slot_min=slot_min)


def accounts(market: Market) -> dict[str, bytes]:
    return {pubkey: account.data for pubkey, account in market.ledger.view(Commitment.PROCESSED).accounts.items()}


def test_a_slot_is_kept_for_the_next_start(tmp_path: Path):
    path = tmp_path / "slot"
    with SlotFile(path) as file:
        assert file.read() == 0
        file.write(436_453_863)
        file.write(436_453_864)
    with SlotFile(path) as file:
        assert file.read() == 436_453_864


def test_without_a_file_nothing_is_kept():
    with SlotFile(None) as file:
        file.write(5)
        assert file.read() == 0


def test_a_market_that_never_ran_begins_at_the_recording(genesis_from: Callable[[int], Genesis]):
    assert continue_market(genesis_from, slot=0).clock.slot == genesis_from(0).slot


def test_a_market_that_ran_a_little_continues_byte_for_byte(genesis_from: Callable[[int], Genesis]):
    market = Market(genesis_from(0))
    for _ in range(5):
        market.advance()
    continued = continue_market(genesis_from, slot=market.clock.slot)
    assert accounts(continued) == accounts(market)
    assert continued.advance() == market.advance()


def test_a_market_that_ran_for_long_begins_anew_at_the_later_slot(genesis_from: Callable[[int], Genesis]):
    genesis = genesis_from(0)
    later = genesis.slot + REPLAY_SLOTS_MAX + 1
    continued = continue_market(genesis_from, slot=later)
    assert continued.clock.slot == later
    assert continued.swap_count == 0
    continued.advance()
    assert continued.clock.slot == later + 1
