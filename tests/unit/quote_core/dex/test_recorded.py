import json
from collections.abc import Callable

import pytest

from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode
from quote_core.dex.recorded import RecordedPool, load_accounts, parse_recorded_pool, recorded_pool_document
from quote_core.errors import LayoutMismatch, NotTradable

DEX, NAME = "raydium_cpmm", "sol_usdc_7JuwJuNU"


def test_what_is_recorded_reads_back_as_the_same_pool(
    recorded: Callable[[str, str], RecordedPool], open_pool: Callable[..., Pool], clock: ChainClock
) -> None:
    accounts, pool = recorded(DEX, NAME).accounts, open_pool(DEX, NAME)
    document = recorded_pool_document(pool, accounts, slot=7, provenance={"real": True})
    again = parse_recorded_pool(document, name="again")
    assert (again.dex_label, again.slot, again.is_real, again.accounts) == (DEX, 7, True, dict(accounts))
    assert again.roles["pool"] == pool.address


def test_an_absent_account_is_written_and_read_as_null(
    recorded: Callable[[str, str], RecordedPool], open_pool: Callable[..., Pool], clock: ChainClock
) -> None:
    pool, accounts = open_pool(DEX, NAME), dict(recorded(DEX, NAME).accounts)
    vault = pool.accounts_needed()[0].pubkey
    document = json.loads(json.dumps(recorded_pool_document(pool, {**accounts, vault: None}, slot=7, provenance={})))
    assert document["accounts"][vault] is None
    again = parse_recorded_pool(document, name="again")
    assert again.absent == {vault}
    assert vault not in again.accounts
    assert again.known[vault] is None
    load_accounts(pool, again.known)
    with pytest.raises(NotTradable, match=f"do not exist: {vault}"):
        pool.check_tradable(clock)


def test_loading_hands_over_only_what_is_asked_for(
    recorded: Callable[[str, str], RecordedPool], open_pool: Callable[..., Pool], clock: ChainClock
) -> None:
    pool = open_pool(DEX, NAME)
    load_accounts(pool, recorded(DEX, NAME).accounts)
    assert pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**9, clock).amount_out > 0


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ([], "no `accounts`"),
        ({"accounts": []}, "no `accounts`"),
        ({"accounts": {"abc": 1}}, "account abc"),
        ({"accounts": {"abc": {"owner": "x"}}}, "account abc"),
        ({"accounts": {"abc": {"owner": "x", "data_base64": "!"}}}, "account abc"),
    ],
)
def test_file_of_another_format_is_refused_with_its_place(document: object, where: str) -> None:
    with pytest.raises(LayoutMismatch, match=where):
        parse_recorded_pool(document, name="file")
