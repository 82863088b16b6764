"""Wrapped SOL: such a token account holds its amount as lamports too, on top of its rent."""

from quote_core.dex.layout import u32, u64
from quote_core.dex.pool import Account
from quote_core.dex.spl_token import TOKEN_PROGRAM, token_amount

__all__ = ["with_native_lamports"]

TOKEN_ACCOUNT_SIZE_BYTES = 165
_IS_NATIVE_TAG = u32(109)
_IS_NATIVE_RENT = u64(113)


def with_native_lamports(account: Account) -> Account:
    """Copy a wrapped SOL account with the lamports its amount asks for; any other account comes back as it is."""
    data = account.data
    if account.owner != TOKEN_PROGRAM or len(data) != TOKEN_ACCOUNT_SIZE_BYTES or _IS_NATIVE_TAG.read(data) != 1:
        return account
    return Account(account.owner, data, _IS_NATIVE_RENT.read(data) + token_amount(data))
