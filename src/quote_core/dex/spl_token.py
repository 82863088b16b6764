"""SPL token accounts and mints, classic and Token-2022, as far as quoting needs them.

| token account      | offset | mint         | offset | Token-2022 extensions              |
|--------------------|--------|--------------|--------|------------------------------------|
| mint               | 0      | supply u64   | 36     | account type byte at 165           |
| owner              | 32     | decimals u8  | 44     | from 166: type u16, length u16,    |
| amount u64         | 64     | initialized  | 45     | value; TransferFeeConfig is type 1 |
| state u8           | 108    |              |        | PausableConfig is type 26          |

A frozen account (state 2) and a paused mint stop every transfer. A transfer fee is taken from what is sent: the
receiver gets the amount less `TransferFee.on_amount`. The mint holds two fees, the newer of which is in force from its
epoch on. Left out: confidential transfers and transfer hooks, which do not change amounts.
"""

from dataclasses import dataclass
from typing import Final

from quote_core.dex.changed_bytes import is_same_outside
from quote_core.dex.fixed_point import mul_div_ceil
from quote_core.dex.layout import AccountLayout, key, u8, u16, u64, with_fields
from quote_core.dex.pool import Account
from quote_core.errors import CorruptAccount
from quote_core.units import BPS, Pubkey

__all__ = [
    "NO_TRANSFER_FEE",
    "TOKEN_2022_PROGRAM",
    "TOKEN_PROGRAM",
    "Mint",
    "TokenAccount",
    "TransferFee",
    "TransferFeeConfig",
    "decode_mint",
    "decode_token_account",
    "is_token_account",
    "token_amount",
    "with_balance_of",
    "with_token_amount",
]

TOKEN_PROGRAM: Final = Pubkey("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA")
TOKEN_2022_PROGRAM: Final = Pubkey("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb")
_BOTH_PROGRAMS: Final = frozenset({TOKEN_PROGRAM, TOKEN_2022_PROGRAM})

_TOKEN_ACCOUNT_SIZE_BYTES: Final = 165
_MINT_SIZE_BYTES: Final = 82
_EXTENDED_SIZE_BYTES_MAX: Final = 10 * 1024 * 1024  # the chain's own bound on any account
_TOKEN_ACCOUNT: Final = AccountLayout(
    "token account", _BOTH_PROGRAMS, _TOKEN_ACCOUNT_SIZE_BYTES, _EXTENDED_SIZE_BYTES_MAX
)
_MINT: Final = AccountLayout("mint", _BOTH_PROGRAMS, _MINT_SIZE_BYTES, _EXTENDED_SIZE_BYTES_MAX)

_MINT_KEY: Final = key(0)
_OWNER: Final = key(32)
_AMOUNT: Final = u64(64)
_STATE: Final = u8(108)
_STATE_UNINITIALIZED: Final = 0
_STATE_FROZEN: Final = 2

_SUPPLY: Final = u64(36)
_DECIMALS: Final = u8(44)
_IS_INITIALIZED: Final = u8(45)

_ACCOUNT_TYPE: Final = u8(165)
_ACCOUNT_TYPE_MINT: Final = 1
_ACCOUNT_TYPE_TOKEN: Final = 2
_EXTENSIONS_OFFSET: Final = 166
_EXTENSION_HEADER_SIZE_BYTES: Final = 4
_EXTENSION_TRANSFER_FEE: Final = 1
_TRANSFER_FEE_SIZE_BYTES: Final = 108
_EXTENSION_PAUSABLE: Final = 26
_PAUSABLE_SIZE_BYTES: Final = 33
_PAUSED_OFFSET: Final = 32  # after the authority
_OLDER_FEE_OFFSET: Final = 72  # after two authorities of 32 bytes and the withheld amount
_NEWER_FEE_OFFSET: Final = 90


@dataclass(frozen=True, slots=True)
class TransferFee:
    """A fee in force: `rate_bps` of the amount sent, rounded up, at most `fee_max`."""

    rate_bps: int
    fee_max: int

    @property
    def is_zero(self) -> bool:
        """No amount is ever withheld."""
        return self.rate_bps == 0 or self.fee_max == 0

    def on_amount(self, amount: int) -> int:
        """Give the fee withheld when `amount` is sent."""
        return min(mul_div_ceil(amount, self.rate_bps, BPS), self.fee_max)

    def net(self, amount: int) -> int:
        """Give what arrives when `amount` is sent."""
        return amount - self.on_amount(amount)

    def for_net(self, net_amount: int) -> int:
        """Give the fee to add so that sending `net_amount` plus it delivers `net_amount`.

        Equal to the token program's inverse: found on the gross amount, then recomputed from it.
        """
        if self.rate_bps == 0 or net_amount == 0:
            return 0
        if self.rate_bps == BPS:
            return self.fee_max
        gross_amount = mul_div_ceil(net_amount, BPS, BPS - self.rate_bps)
        if gross_amount - net_amount >= self.fee_max:
            gross_amount = net_amount + self.fee_max
        return self.on_amount(gross_amount)


NO_TRANSFER_FEE: Final = TransferFee(rate_bps=0, fee_max=0)


@dataclass(frozen=True, slots=True)
class TransferFeeConfig:
    """The two fees of a mint; `newer` is in force from `newer_epoch` on."""

    older: TransferFee
    newer: TransferFee
    newer_epoch: int

    def at_epoch(self, epoch: int) -> TransferFee:
        """Give the fee in force."""
        return self.newer if epoch >= self.newer_epoch else self.older


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """A balance."""

    mint: Pubkey
    owner: Pubkey
    amount: int
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class Mint:
    """A token's own account; `transfer_fee` is None where the token charges none. While paused, nothing can be sent."""

    supply: int
    decimals: int
    transfer_fee: TransferFeeConfig | None
    is_paused: bool = False

    def transfer_fee_at(self, epoch: int) -> TransferFee:
        """Give the transfer fee in force, zero where there is none."""
        return self.transfer_fee.at_epoch(epoch) if self.transfer_fee else NO_TRANSFER_FEE


def decode_token_account(pubkey: Pubkey, account: Account, *, mint: Pubkey | None = None) -> TokenAccount:
    """Read a token account.

    Args:
        pubkey: Its address, for error messages.
        account: Its bytes.
        mint: The mint it must be of, where known.

    Raises:
        CorruptAccount: Not a token account, not initialised, or of another mint.
    """
    data = _TOKEN_ACCOUNT.check(pubkey, account)
    _check_extended(pubkey, account, base_size_bytes=_TOKEN_ACCOUNT_SIZE_BYTES, account_type=_ACCOUNT_TYPE_TOKEN)
    state = _STATE.read(data)
    if not _STATE_UNINITIALIZED < state <= _STATE_FROZEN:
        raise CorruptAccount(pubkey, "token account.state", f"is {state}, not 1 (initialized) or 2 (frozen)")
    found_mint = _MINT_KEY.read(data)
    if mint is not None and found_mint != mint:
        raise CorruptAccount(pubkey, "token account.mint", f"is {found_mint}, not {mint}")
    return TokenAccount(found_mint, _OWNER.read(data), _AMOUNT.read(data), state == _STATE_FROZEN)


def with_balance_of(account: Account, data_before: bytes, before: TokenAccount) -> TokenAccount | None:
    """Read the balance of a token account that is otherwise as it was, which is what a vault's changes are.

    Returns:
        None where anything else has changed, or might have: then it is to be read whole.
    """
    data = account.data
    if (
        len(data) == _TOKEN_ACCOUNT_SIZE_BYTES
        and account.owner in _BOTH_PROGRAMS
        and is_same_outside(data_before, data, _AMOUNT.offset, _AMOUNT.offset + _AMOUNT.size_bytes)
    ):
        return TokenAccount(before.mint, before.owner, _AMOUNT.read(data), before.is_frozen)
    return None


def decode_mint(pubkey: Pubkey, account: Account) -> Mint:
    """Read a mint with its transfer fee, if any.

    Raises:
        CorruptAccount: Not an initialised mint, or its extensions cannot be read.
    """
    data = _MINT.check(pubkey, account)
    _check_extended(pubkey, account, base_size_bytes=_MINT_SIZE_BYTES, account_type=_ACCOUNT_TYPE_MINT)
    if _IS_INITIALIZED.read(data) != 1:
        raise CorruptAccount(pubkey, "mint.is_initialized", "is not 1")
    return Mint(
        _SUPPLY.read(data), _DECIMALS.read(data), _transfer_fee_config(pubkey, data), is_paused=_is_paused(pubkey, data)
    )


def is_token_account(data: bytes) -> bool:
    """Whether data is of the shape of a token account in use, of either program, whoever owns it."""
    if len(data) < _TOKEN_ACCOUNT_SIZE_BYTES or _STATE.read(data) == _STATE_UNINITIALIZED:
        return False
    return len(data) == _TOKEN_ACCOUNT_SIZE_BYTES or _ACCOUNT_TYPE.read(data) == _ACCOUNT_TYPE_TOKEN


def token_amount(data: bytes) -> int:
    """Read the balance of a token account's data that has been decoded before."""
    return _AMOUNT.read(data)


def with_token_amount(data: bytes, amount: int) -> bytes:
    """Copy a token account's data with another balance."""
    return with_fields(data, [(_AMOUNT, amount)])


def _check_extended(pubkey: Pubkey, account: Account, *, base_size_bytes: int, account_type: int) -> None:
    """Pass when a longer account is a Token-2022 one and says it is of the right type."""
    if len(account.data) == base_size_bytes:
        return
    if account.owner != TOKEN_2022_PROGRAM or len(account.data) < _EXTENSIONS_OFFSET:
        raise CorruptAccount(pubkey, "size", f"is {len(account.data)} bytes, not {base_size_bytes}")
    found_type = _ACCOUNT_TYPE.read(account.data)
    if found_type != account_type:
        raise CorruptAccount(pubkey, "account_type", f"is {found_type}, not {account_type}")


def _transfer_fee_config(pubkey: Pubkey, data: bytes) -> TransferFeeConfig | None:
    value_offset = _find_extension(
        pubkey, data, _EXTENSION_TRANSFER_FEE, name="transfer_fee_config", size_bytes=_TRANSFER_FEE_SIZE_BYTES
    )
    if value_offset is None:
        return None
    newer_offset = value_offset + _NEWER_FEE_OFFSET
    return TransferFeeConfig(
        older=_transfer_fee(pubkey, data, value_offset + _OLDER_FEE_OFFSET),
        newer=_transfer_fee(pubkey, data, newer_offset),
        newer_epoch=u64(newer_offset).read(data),
    )


def _is_paused(pubkey: Pubkey, data: bytes) -> bool:
    """Read {authority, paused u8}; any value but 0 stops every transfer."""
    value_offset = _find_extension(
        pubkey, data, _EXTENSION_PAUSABLE, name="pausable_config", size_bytes=_PAUSABLE_SIZE_BYTES
    )
    return value_offset is not None and data[value_offset + _PAUSED_OFFSET] != 0


def _transfer_fee(pubkey: Pubkey, data: bytes, offset: int) -> TransferFee:
    """Read {epoch u64, maximum u64, rate u16} at `offset`."""
    rate_bps = u16(offset + 16).read(data)
    if rate_bps > BPS:
        raise CorruptAccount(pubkey, "transfer_fee_config.rate_bps", f"is {rate_bps}, above {BPS}")
    return TransferFee(rate_bps=rate_bps, fee_max=u64(offset + 8).read(data))


def _find_extension(pubkey: Pubkey, data: bytes, wanted_type: int, *, name: str, size_bytes: int) -> int | None:
    """Walk the extension entries; give the offset of the wanted one's value, which must have its own size."""
    offset = _EXTENSIONS_OFFSET
    while offset + _EXTENSION_HEADER_SIZE_BYTES <= len(data):
        extension_type, found_bytes = u16(offset).read(data), u16(offset + 2).read(data)
        if extension_type == 0:  # the rest is padding
            return None
        value_offset = offset + _EXTENSION_HEADER_SIZE_BYTES
        if value_offset + found_bytes > len(data):
            raise CorruptAccount(pubkey, f"extension {extension_type}", "runs past the end of the account")
        if extension_type == wanted_type:
            if found_bytes != size_bytes:
                raise CorruptAccount(pubkey, f"{name}.length", f"is {found_bytes}, not {size_bytes}")
            return value_offset
        offset = value_offset + found_bytes
    if any(data[offset:]):
        raise CorruptAccount(pubkey, "extensions", "end in the middle of an entry")
    return None
