"""Accounts that nobody has recorded, made from the bytes of recorded ones under new keys: SOL/LST pools and mints.

No SOL/LST pool of the six DEXes is recorded, but the rate of eleven LSTs is. Each gets one Raydium AMM V4 and one
CPMM pool at that rate: the recorded SOL/USDC pool with every key of its own replaced by a derived one, USDC by the LST,
and balances and fee set. All of these are marked `SYNTHETIC` and none is stored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from quote_core.dex.constant_product import Priced, VaultPool
from quote_core.dex.layout import IntField, KeyField, key, key_bytes, u8, u64, with_fields
from quote_core.dex.lst_rates import LstRate
from quote_core.dex.pool import Account, Dex
from quote_core.dex.programs import PROGRAMS, decode_pool
from quote_core.dex.spl_token import with_token_amount
from quote_core.errors import CorruptAccount, LayoutMismatch
from quote_core.tokens import Token
from quote_core.units import LAMPORTS_PER_SOL, Pubkey
from recorded_market.derived_keys import derived_key
from recorded_market.native_sol import with_native_lamports

__all__ = ["synthetic_mint", "synthetic_pools"]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How one DEX's recorded pool becomes a synthetic one; `fee` is in the DEX's own unit, in `fee_field`."""

    dex: Dex
    fee: int
    reserve_lamports: int
    own_keys: tuple[KeyField, ...]
    decimals_b: IntField
    fee_in_config: bool
    fee_field: IntField


# The offsets are those of the layouts in quote_core/dex/raydium_amm_v4.py and raydium_cpmm.py; here stand only the
# fields that a quote never reads (own keys, decimals), and the fee that makes the two pools of a pair differ.
_SHAPES = (
    _Shape(
        dex=Dex.RAYDIUM_AMM_V4,
        fee=25,  # of 10,000
        reserve_lamports=30_000 * LAMPORTS_PER_SOL,
        own_keys=(key(464), key(496), key(528), key(592)),  # lp mint, open orders, market, target orders
        decimals_b=u64(40),
        fee_in_config=False,
        fee_field=u64(176),
    ),
    _Shape(
        dex=Dex.RAYDIUM_CPMM,
        fee=500,  # of 1,000,000
        reserve_lamports=50_000 * LAMPORTS_PER_SOL,
        own_keys=(key(136), key(296)),  # lp mint, observation
        decimals_b=u8(332),
        fee_in_config=True,
        fee_field=u64(12),
    ),
)

_MINT_SUPPLY = u64(36)
_MINT_DECIMALS = u8(44)
SYNTHETIC_SUPPLY_TOKENS = 1_000_000


def synthetic_mint(template: Account, token: Token) -> Account:
    """A mint of `token`'s decimals, for a token whose own mint is not recorded."""
    supply = SYNTHETIC_SUPPLY_TOKENS * 10**token.decimals
    return Account(
        template.owner,
        with_fields(template.data, [(_MINT_SUPPLY, supply), (_MINT_DECIMALS, token.decimals)]),
        template.lamports,
    )


def synthetic_pools(recorded: Mapping[Pubkey, Account], lst: Token, rate: LstRate) -> Iterator[tuple[Pubkey, Account]]:
    """Every account of the synthetic pools of SOL and `lst`, priced at `rate`.

    Raises:
        LayoutMismatch: The recording holds no pool to make them from.
    """
    for shape in _SHAPES:
        template = _template(recorded, shape.dex)
        yield from _pool_accounts(shape, template, recorded, lst, rate)


def _template(recorded: Mapping[Pubkey, Account], dex: Dex) -> VaultPool[object, Priced]:
    for pubkey, account in recorded.items():
        program = PROGRAMS.get(account.owner)
        if program is not None and program.dex is dex:
            try:
                pool = decode_pool(pubkey, account)
            except CorruptAccount:
                continue  # another account of the program: a configuration, an observation
            assert isinstance(pool, VaultPool)
            return pool
    raise LayoutMismatch("recording", f"holds no {dex.label} pool to make synthetic ones from")


def _pool_accounts(
    shape: _Shape, template: VaultPool[object, Priced], recorded: Mapping[Pubkey, Account], lst: Token, rate: LstRate
) -> Iterator[tuple[Pubkey, Account]]:
    label = f"{shape.dex.label} SOL/{lst.symbol}"
    pool_data = recorded[template.address].data
    needed = [need.pubkey for need in template.accounts_needed() if need.pubkey in recorded]
    own = [template.address, *needed, *(field.read(pool_data) for field in shape.own_keys)]
    new_keys = {pubkey: derived_key(f"{label} {index}") for index, pubkey in enumerate(own)}
    replaced = {**new_keys, template.mint_b: lst.mint}
    amounts = {
        template.vault_a: shape.reserve_lamports,
        template.vault_b: rate.tokens_floor(shape.reserve_lamports),
    }
    for pubkey in [template.address, *needed]:
        account = recorded[pubkey]
        data = _rekeyed(account.data, replaced)
        if pubkey in amounts:
            data = with_token_amount(data, amounts[pubkey])
        if pubkey == template.address:
            data = with_fields(data, [(shape.decimals_b, lst.decimals)])
        if (pubkey == template.address) is not shape.fee_in_config and pubkey not in amounts:
            data = with_fields(data, [(shape.fee_field, shape.fee)])
        yield new_keys[pubkey], with_native_lamports(Account(account.owner, data, account.lamports))


def _rekeyed(data: bytes, replaced: Mapping[Pubkey, Pubkey]) -> bytes:
    for old, new in replaced.items():
        data = data.replace(key_bytes(old), key_bytes(new))
    return data
