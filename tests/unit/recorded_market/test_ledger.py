from quote_core.dex.pool import Account
from quote_core.units import Pubkey
from recorded_market.ledger import AccountLedger, Block, Commitment

OWNER = Pubkey("11111111111111111111111111111111")
KEY = Pubkey("So11111111111111111111111111111111111111112")


def account(number: int) -> Account:
    return Account(OWNER, bytes([number]))


def ledger_after(slot_count: int) -> AccountLedger:
    ledger = AccountLedger(Block(1000, {KEY: account(0)}))
    for number in range(1, slot_count + 1):
        ledger.advance({KEY: account(number)})
    return ledger


def test_a_change_is_processed_in_its_slot_confirmed_one_later_and_finalized_31_later() -> None:
    ledger = ledger_after(40)
    seen = {level: ledger.view(level) for level in Commitment}
    assert {level: view.slot for level, view in seen.items()} == {
        Commitment.PROCESSED: 1040,
        Commitment.CONFIRMED: 1039,
        Commitment.FINALIZED: 1009,
    }
    assert {level: view.accounts[KEY].data[0] for level, view in seen.items()} == {
        Commitment.PROCESSED: 40,
        Commitment.CONFIRMED: 39,
        Commitment.FINALIZED: 9,
    }


def test_every_level_begins_at_the_first_slot_and_never_goes_back() -> None:
    ledger = AccountLedger(Block(1000, {KEY: account(0)}))
    slots = {level: [ledger.view(level).slot] for level in Commitment}
    for number in range(1, 70):
        ledger.advance({KEY: account(number)})
        for level in Commitment:
            slots[level].append(ledger.view(level).slot)
    for level, seen in slots.items():
        assert seen[0] == 1000
        assert seen == sorted(seen)
        assert seen[-1] == 1069 - level.lag_slots


def test_each_level_reaches_each_slot_exactly_once_and_in_order() -> None:
    ledger = AccountLedger(Block(1000, {KEY: account(0)}))
    reached: dict[Commitment, list[int]] = {level: [] for level in Commitment}
    for number in range(1, 51):
        for level, block in ledger.advance({KEY: account(number)}).items():
            assert block.changes[KEY].data[0] == block.slot - 1000
            reached[level].append(block.slot)
    for level, slots in reached.items():
        assert slots == list(range(1001, 1051 - level.lag_slots))


def test_an_account_that_no_slot_touched_stays() -> None:
    other = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
    ledger = AccountLedger(Block(1, {KEY: account(0), other: account(7)}))
    for number in range(40):
        ledger.advance({KEY: account(number)})
    assert all(ledger.view(level).accounts[other] == account(7) for level in Commitment)


def test_a_fork_is_seen_at_processed_alone_and_taken_back_by_the_slot_after_it() -> None:
    ledger = ledger_after(5)
    other = Pubkey("EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")
    ledger.advance({other: account(50)})
    for number in (101, 102):
        (block,) = ledger.advance_fork({KEY: account(number)}).items()
        assert block[0] is Commitment.PROCESSED
        assert (block[1].slot, block[1].parent) == (1006 + number - 100, 1005 + number - 100)
    assert ledger.view(Commitment.PROCESSED).accounts[KEY] == account(102)
    assert ledger.view(Commitment.CONFIRMED).accounts[KEY] == account(5)
    reached = ledger.advance({other: account(51)})
    switched = reached[Commitment.PROCESSED]
    assert (switched.slot, switched.parent) == (1009, 1006)
    assert switched.changes == {KEY: account(5), other: account(51)}
    assert ledger.view(Commitment.PROCESSED).accounts[KEY] == account(5)
    for number in range(40):
        for level, block_of_level in ledger.advance({other: account(number)}).items():
            if level is Commitment.CONFIRMED:
                assert KEY not in block_of_level.changes
            if level is not Commitment.PROCESSED:
                assert block_of_level.slot not in (1007, 1008)
    assert ledger.view(Commitment.FINALIZED).accounts[KEY] == account(5)
