from hypothesis import given, settings
from hypothesis import strategies as st

from quote_core.dex.pool import Account
from quote_core.units import Pubkey
from recorded_market.ledger import AccountLedger, Block, Commitment

OWNER = Pubkey("11111111111111111111111111111111")
KEYS = [Pubkey(name) for name in "abcd"]
CHANGES = st.dictionaries(st.sampled_from(KEYS), st.binary(max_size=3), max_size=4)


def accounts(contents: dict[Pubkey, bytes]) -> dict[Pubkey, Account]:
    return {pubkey: Account(OWNER, data) for pubkey, data in contents.items()}


@settings(deadline=None)
@given(CHANGES, st.lists(CHANGES, max_size=50))
def test_every_view_is_the_sum_of_all_changes_up_to_its_slot(
    genesis: dict[Pubkey, bytes], slots: list[dict[Pubkey, bytes]]
) -> None:
    ledger = AccountLedger(Block(0, accounts(genesis)))
    for contents in slots:
        ledger.advance(accounts(contents))
    for commitment in Commitment:
        view = ledger.view(commitment)
        expected = dict(genesis)
        for contents in slots[: view.slot]:
            expected |= contents
        assert view.slot == max(len(slots) - commitment.lag_slots, 0)
        assert view.accounts == accounts(expected)
