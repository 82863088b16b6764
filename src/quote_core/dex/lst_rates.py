"""SOL value of liquid staking tokens, exact, from the accounts that define it.

| kind         | account                  | lamports per smallest unit of the token                               |
|--------------|--------------------------|-----------------------------------------------------------------------|
| `stake_pool` | SPL stake pool           | total_lamports / pool_token_supply                                    |
| `marinade`   | Marinade state           | (active + two cooling down + reserve - open tickets) / msol_supply    |
| `infinity`   | Sanctum Infinity pool    | (total_sol_value - withheld - protocol fee) / supply of the INF mint  |
| `lido`       | Lido (Solido) state      | SOL balance / stSOL supply, as of the epoch noted with them           |
| `hylo`       | Hylo LST header          | the newer of two stored prices                                        |

A rate is a fraction of integers; every conversion rounds down once, as the programs do. Deposit and withdrawal fees
are left out: this is what a token is worth, not what a withdrawal pays. The stake pool's own supply field counts, not
the mint's supply, which may be lower by burns the pool has not seen yet.

Sources: solana-program/stake-pool program/src/state.rs; marinade-finance/liquid-staking-program state/mod.rs;
igneous-labs/inf-1.5; ChorusOne/solido program/src/state.rs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from quote_core.dex.fixed_point import mul_div_floor
from quote_core.dex.layout import AccountLayout, IntField, u8, u64, with_fields
from quote_core.dex.pool import Account
from quote_core.errors import CorruptAccount
from quote_core.units import Pubkey

__all__ = ["RATE_KINDS", "LstRate", "decode_rate", "with_rate_epoch"]


@dataclass(frozen=True, slots=True)
class LstRate:
    """`numerator` lamports are worth `denominator` smallest units of the token; both above zero.

    `epoch` is the one the rate was computed in, None where the account does not say.
    """

    numerator: int
    denominator: int
    epoch: int | None

    def lamports_floor(self, token_amount: int) -> int:
        """Convert tokens to lamports, rounded down."""
        return mul_div_floor(token_amount, self.numerator, self.denominator)

    def tokens_floor(self, lamports: int) -> int:
        """Convert lamports to tokens, rounded down."""
        return mul_div_floor(lamports, self.denominator, self.numerator)

    @property
    def sol_per_token(self) -> float:
        """For display and scores."""
        return self.numerator / self.denominator


_ACCOUNT_SIZE_BYTES_MAX: Final = 10 * 1024 * 1024  # the chain's own bound on any account

_STAKE_POOL: Final = AccountLayout(
    "stake_pool",
    frozenset(
        map(
            Pubkey,
            (
                "SPoo1Ku8WFXoNDMHPsrGSTSG1Y47rzgn41SLUNakuHy",
                "SP12tWFxD9oJsVWNavTTBZvMbA6gkAmxtVgxdqvyvhY",  # Sanctum's single-validator deployment
                "SPMBzsVUuoHA4Jm6KunbsotaahvVikZs1JyTW6iJvbn",  # and its multi-validator one
            ),
        )
    ),
    611,
    611,
    discriminator=b"\x01",  # account type StakePool
)
_STAKE_POOL_TOTAL_LAMPORTS: Final = u64(258)
_STAKE_POOL_TOKEN_SUPPLY: Final = u64(266)
_STAKE_POOL_LAST_UPDATE_EPOCH: Final = u64(274)

_MARINADE: Final = AccountLayout(
    "marinade_state",
    frozenset({Pubkey("MarBmsSgKXdrN1egZf5sqe1TMai9K1rChYNDJgjq7aD")}),
    576,
    _ACCOUNT_SIZE_BYTES_MAX,
    discriminator=bytes.fromhex("d8926b5e684bb6b1"),
)
_MARINADE_DELAYED_UNSTAKE_COOLING_DOWN: Final = u64(226)
_MARINADE_TOTAL_ACTIVE_BALANCE: Final = u64(376)
_MARINADE_AVAILABLE_RESERVE_BALANCE: Final = u64(496)
_MARINADE_MSOL_SUPPLY: Final = u64(504)
_MARINADE_CIRCULATING_TICKET_BALANCE: Final = u64(528)
_MARINADE_EMERGENCY_COOLING_DOWN: Final = u64(568)

_INFINITY: Final = AccountLayout(
    "infinity_pool", frozenset({Pubkey("5ocnV1qiCgaQR8Jb8xWnVbApfaygJ8tNoZfgPwsgx9kx")}), 176, 240
)
_INFINITY_SIZE_BYTES_BY_VERSION: Final = MappingProxyType({1: 176, 2: 240})
_INFINITY_TOTAL_SOL_VALUE: Final = u64(0)
_INFINITY_VERSION: Final = u8(12)
_INFINITY_WITHHELD_LAMPORTS: Final = u64(216)
_INFINITY_PROTOCOL_FEE_LAMPORTS: Final = u64(224)

_LIDO: Final = AccountLayout(
    "lido_state",
    frozenset({Pubkey("CrX7kMhLC3cSsXJdT7JDgqrRVWGnUpX3gfEfxxU2NVLi")}),
    90,
    _ACCOUNT_SIZE_BYTES_MAX,
    discriminator=b"\x01",  # account type Lido
)
_LIDO_RATE_EPOCH: Final = u64(66)
_LIDO_ST_SOL_SUPPLY: Final = u64(74)
_LIDO_SOL_BALANCE: Final = u64(82)

_HYLO: Final = AccountLayout(
    "hylo_lst_header",
    frozenset({Pubkey("HYEXCHtHkBagdStcJCp3xbbb9B7sdMdWXFNj6mdsG4hn")}),
    211,
    211,
    discriminator=bytes.fromhex("7d87d9977aca8a3b"),
)
_HYLO_OLDER_EPOCH: Final = u64(114)
_HYLO_NEWER_MANTISSA: Final = u64(122)
_HYLO_NEWER_EXPONENT: Final = IntField(130, 1, signed=True)
_HYLO_NEWER_EPOCH: Final = u64(131)
_HYLO_EXPONENT: Final = -9


def decode_rate(kind: str, account: Account, *, mint_supply: int | None, account_key: Pubkey) -> LstRate:
    """Read the SOL value of a token from the account that defines it.

    Args:
        kind: One of `RATE_KINDS`, as in the token registry's oracle entry.
        account: The account's bytes.
        mint_supply: The token's supply; only `infinity` needs it.
        account_key: The account's address, for error messages.

    Raises:
        CorruptAccount: The bytes are not such an account, or hold no usable rate.
        KeyError: `kind` is not one of `RATE_KINDS`.
    """
    return _DECODERS[kind](account_key, account, mint_supply)


def with_rate_epoch(kind: str, data: bytes, epoch: int) -> bytes:
    """Copy a rate account's data as if it had last been updated in `epoch`, at the same rate.

    The kinds whose account names no epoch come back as they are.
    """
    return with_fields(data, [(field, epoch - age_epochs) for field, age_epochs in _EPOCHS.get(kind, ())])


_EPOCHS: Final[Mapping[str, tuple[tuple[IntField, int], ...]]] = MappingProxyType(
    {
        "stake_pool": ((_STAKE_POOL_LAST_UPDATE_EPOCH, 0),),
        "lido": ((_LIDO_RATE_EPOCH, 0),),
        "hylo": ((_HYLO_NEWER_EPOCH, 0), (_HYLO_OLDER_EPOCH, 1)),
    }
)
"""The epochs a kind's account names, and how many epochs before the update each lies."""


def _stake_pool_rate(pubkey: Pubkey, account: Account, mint_supply: int | None) -> LstRate:
    data = _STAKE_POOL.check(pubkey, account)
    total_lamports, supply = _STAKE_POOL_TOTAL_LAMPORTS.read(data), _STAKE_POOL_TOKEN_SUPPLY.read(data)
    epoch = _STAKE_POOL_LAST_UPDATE_EPOCH.read(data)
    if total_lamports == 0 or supply == 0:  # the program deposits one for one into an empty pool
        return LstRate(1, 1, epoch)
    return LstRate(total_lamports, supply, epoch)


def _marinade_rate(pubkey: Pubkey, account: Account, mint_supply: int | None) -> LstRate:
    data = _MARINADE.check(pubkey, account)
    total_lamports = (
        _MARINADE_TOTAL_ACTIVE_BALANCE.read(data)
        + _MARINADE_DELAYED_UNSTAKE_COOLING_DOWN.read(data)
        + _MARINADE_EMERGENCY_COOLING_DOWN.read(data)
        + _MARINADE_AVAILABLE_RESERVE_BALANCE.read(data)
        - _MARINADE_CIRCULATING_TICKET_BALANCE.read(data)
    )
    return _checked(pubkey, _MARINADE, total_lamports, _MARINADE_MSOL_SUPPLY.read(data), None)


def _infinity_rate(pubkey: Pubkey, account: Account, mint_supply: int | None) -> LstRate:
    """Value of the last sync; yield still withheld and the protocol's fee belong to nobody who holds INF."""
    data = _INFINITY.check(pubkey, account)
    version = _INFINITY_VERSION.read(data)
    if _INFINITY_SIZE_BYTES_BY_VERSION.get(version) != len(data):
        raise CorruptAccount(pubkey, "infinity_pool.version", f"{version} does not go with {len(data)} bytes")
    if mint_supply is None:
        raise CorruptAccount(pubkey, "infinity_pool.mint_supply", "is needed for the rate and was not given")
    value_lamports = _INFINITY_TOTAL_SOL_VALUE.read(data)
    if version > 1:
        value_lamports -= _INFINITY_WITHHELD_LAMPORTS.read(data) + _INFINITY_PROTOCOL_FEE_LAMPORTS.read(data)
    return _checked(pubkey, _INFINITY, value_lamports, mint_supply, None)


def _lido_rate(pubkey: Pubkey, account: Account, mint_supply: int | None) -> LstRate:
    data = _LIDO.check(pubkey, account)
    balance, supply = _LIDO_SOL_BALANCE.read(data), _LIDO_ST_SOL_SUPPLY.read(data)
    return _checked(pubkey, _LIDO, balance, supply, _LIDO_RATE_EPOCH.read(data))


def _hylo_rate(pubkey: Pubkey, account: Account, mint_supply: int | None) -> LstRate:
    data = _HYLO.check(pubkey, account)
    exponent = _HYLO_NEWER_EXPONENT.read(data)
    if exponent != _HYLO_EXPONENT:
        raise CorruptAccount(pubkey, "hylo_lst_header.exponent", f"is {exponent}, not {_HYLO_EXPONENT}")
    mantissa = _HYLO_NEWER_MANTISSA.read(data)
    return _checked(pubkey, _HYLO, mantissa, 10**-_HYLO_EXPONENT, _HYLO_NEWER_EPOCH.read(data))


def _checked(pubkey: Pubkey, layout: AccountLayout, lamports: int, supply: int, epoch: int | None) -> LstRate:
    """Refuse a rate that is zero, negative or infinite."""
    if lamports <= 0 or supply <= 0:
        raise CorruptAccount(pubkey, f"{layout.name}.rate", f"{lamports}/{supply} is not above zero")
    return LstRate(lamports, supply, epoch)


_DECODERS: Final[Mapping[str, Callable[[Pubkey, Account, int | None], LstRate]]] = MappingProxyType(
    {
        "stake_pool": _stake_pool_rate,
        "marinade": _marinade_rate,
        "infinity": _infinity_rate,
        "lido": _lido_rate,
        "hylo": _hylo_rate,
    }
)

RATE_KINDS: Final = frozenset(_DECODERS)
"""The kinds `decode_rate` knows; those of the token registry, `pyth` aside."""
