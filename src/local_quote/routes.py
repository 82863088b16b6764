"""Chains of swaps priced from one snapshot: each hop's output is the next one's input. Does no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from local_quote.doubt import Doubt
from local_quote.pool_store import PoolStore
from local_quote.quoter import PoolQuoter, PricedSwap
from local_quote.taken_depth import LocalTakenDepth
from quote_core.errors import InvalidField, NoLiquidity, UnknownPool
from quote_core.tokens import Token, TokenRegistry, checked_mint
from quote_core.units import U64_MAX, Pubkey

__all__ = ["HopRequest", "SimulatedRoute", "checked_amount", "checked_pool", "simulate_route"]


@dataclass(frozen=True, slots=True)
class HopRequest:
    """One hop as asked for; an empty `pool_id` means the pair's best pool."""

    input_mint: str
    output_mint: str
    pool_id: str
    taken: LocalTakenDepth | None = None
    """What counts as taken of the pool, in the hop's direction."""


@dataclass(frozen=True, slots=True)
class SimulatedRoute:
    """The hops, priced; `taken` is what counts as taken behind each, when that was asked for."""

    swaps: Sequence[PricedSwap]
    taken: Sequence[LocalTakenDepth]


def simulate_route(
    *,
    quoter: PoolQuoter,
    store: PoolStore,
    registry: TokenRegistry,
    hops: Sequence[HopRequest],
    input_amount: int,
    hop_count_max: int,
    with_taken: bool = False,
) -> SimulatedRoute:
    """Price a route; a pool may appear once, since a second swap would meet the state the first one left.

    With `with_taken`, or behind depth that counts as taken, a hop is swapped on a copy of its pool, which takes a
    millisecond; without, it is a pure read.

    Raises:
        RequestError: Hops that do not join, a pool twice or of another pair, too many hops; names the hop.
        MarketError: A hop that cannot be filled.
    """
    if not 1 <= len(hops) <= hop_count_max:
        raise InvalidField("hops", f"must be 1 to {hop_count_max}, got {len(hops)}")
    amount = checked_amount(input_amount)
    swaps: list[PricedSwap] = []
    taken: list[LocalTakenDepth] = []
    used: set[Pubkey] = set()
    for position, hop in enumerate(hops):
        field = f"hops[{position}]"
        input_token, output_token = _checked_tokens(registry, hop, field)
        if position > 0 and hop.input_mint != hops[position - 1].output_mint:
            raise InvalidField(f"{field}.input_mint", "must be the output_mint of the hop before")
        if hop.pool_id:
            swap = _through_named_pool(quoter, store, hop, (input_token, output_token), amount, used, field)
        else:
            if hop.taken is not None:
                raise InvalidField(f"{field}.taken", "needs a pool_id")
            swap = quoter.best(input_token, output_token, amount, without=used)
        if with_taken or hop.taken is not None:
            swap, taken_now = quoter.behind(swap, hop.taken)
            taken.append(taken_now)
        if swap.entry.doubt is Doubt.UNCONFIRMED:  # its age alone may be that of a fresh one, and plans rest on this
            raise NoLiquidity(swap.entry.pool.address, Doubt.UNCONFIRMED.value)
        used.add(swap.entry.pool.address)
        swaps.append(swap)
        amount = swap.output_amount
    return SimulatedRoute(swaps, taken if with_taken else ())


def _through_named_pool(
    quoter: PoolQuoter,
    store: PoolStore,
    hop: HopRequest,
    tokens: tuple[Token, Token],
    amount: int,
    used: set[Pubkey],
    field: str,
) -> PricedSwap:
    pool_id = checked_pool(store, hop.pool_id, field=f"{field}.pool_id")
    if pool_id in used:
        raise InvalidField(f"{field}.pool_id", "appears twice in the route")
    entry = store.entry(pool_id)
    assert entry is not None
    if {entry.pool.mint_a, entry.pool.mint_b} != {tokens[0].mint, tokens[1].mint}:
        raise InvalidField(f"{field}.pool_id", f"is not a pool of {tokens[0].symbol}/{tokens[1].symbol}")
    return quoter.through(entry, tokens[0].mint, amount)


def checked_pool(store: PoolStore, pool_id: str, *, field: str) -> Pubkey:
    """Return `pool_id` if it is held.

    Raises:
        InvalidField: Not base58 of 32 bytes.
        UnknownPool: A valid address of no pool held.
    """
    address = checked_mint(pool_id, field=field)
    if address not in store:
        raise UnknownPool(field, pool_id)
    return address


def checked_amount(amount: int, *, field: str = "input_amount") -> int:
    """Return `amount` if it can be swapped.

    Raises:
        InvalidField: Zero or above 64 bits.
    """
    if not 1 <= amount <= U64_MAX:
        raise InvalidField(field, f"must be above zero, got {amount}")
    return amount


def _checked_tokens(registry: TokenRegistry, hop: HopRequest, field: str) -> tuple[Token, Token]:
    input_token = registry.by_mint(hop.input_mint, field=f"{field}.input_mint")
    output_token = registry.by_mint(hop.output_mint, field=f"{field}.output_mint")
    if input_token is output_token:
        raise InvalidField(f"{field}.output_mint", "must differ from input_mint")
    return input_token, output_token
