import pytest

from quote_core.dex.account_book import SYSTEM_PROGRAM, AccountBook, exists_on_chain
from quote_core.dex.pool import Account
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

KEY, OTHER, PROGRAM = Pubkey("key"), Pubkey("other"), Pubkey("program")


def decode(pubkey: Pubkey, account: Account) -> int:
    if account.data == b"bad":
        raise CorruptAccount(pubkey, "data", "is bad")
    return len(account.data)


def test_an_account_is_unknown_then_held_then_absent() -> None:
    book = AccountBook()
    assert not book.is_known(KEY)
    book = book.with_account(KEY, Account(PROGRAM, b"four"), decode)
    assert (book.holds(KEY), book.is_absent(KEY), book.value(KEY, int), book.data(KEY)) == (True, False, 4, b"four")
    book = book.with_account(KEY, None, decode)
    assert (book.holds(KEY), book.is_absent(KEY), book.value(KEY, int)) == (False, True, None)


@pytest.mark.parametrize("lamports", [0, 1, 10**9])
def test_lamports_alone_make_no_account(lamports: int) -> None:
    assert not exists_on_chain(Account(SYSTEM_PROGRAM, b"", lamports))
    book = AccountBook().with_account(KEY, Account(SYSTEM_PROGRAM, b"", lamports), decode)
    assert book.is_absent(KEY)


def test_bad_bytes_leave_the_book_as_it_was() -> None:
    book = AccountBook().with_account(KEY, Account(PROGRAM, b"four"), decode)
    with pytest.raises(CorruptAccount):
        book.with_account(KEY, Account(PROGRAM, b"bad"), decode)
    assert book.value(KEY, int) == 4


def test_what_is_not_kept_is_unknown_again() -> None:
    book = AccountBook().with_account(KEY, None, decode).with_account(OTHER, None, decode).keeping({OTHER})
    assert (book.is_known(KEY), book.is_absent(OTHER)) == (False, True)
