"""Rules of the program that few swaps meet, each worked out by hand from its formula."""

from array import array
from collections.abc import Callable
from dataclasses import replace

import pytest

from quote_core.dex.layout import with_fields
from quote_core.dex.meteora_dlmm import layout
from quote_core.dex.meteora_dlmm._ladder import BinLadder, BinRun
from quote_core.dex.meteora_dlmm.bins import price_of_bin
from quote_core.dex.meteora_dlmm.state import BINS_PER_ARRAY, Bin, DlmmState, FeeParameters, Volatility
from quote_core.dex.meteora_dlmm.swap import (
    ExtensionMissing,
    OutOfBins,
    Undetermined,
    arrays_to_trade,
    bins_to_trade,
    walk,
)
from quote_core.dex.pool import Account, ChainClock, Direction, Pool, SwapMode
from quote_core.dex.recorded import RecordedPool
from quote_core.dex.walk import MathOverflow
from quote_core.errors import ActivationPending, LiquidityNotLoaded, NoLiquidity

OpenPool = Callable[..., Pool]
DEX, NAME = "meteora_dlmm", "sol_usdc_bs4_5rCf1DM8"
NOW = 1_790_000_000
U64_MAX = 2**64 - 1
ARRAY_ZERO = 1024
BIN_STEP = 100
PAIR_TYPE, ACTIVATION_TYPE, ACTIVATION_POINT = 75, 86, 816
NO_FEE = FeeParameters(0, 0, 0, 0, 0, 0, 0)


def state_of(*bins: Bin, active_id: int | None = None) -> DlmmState:
    """A pair without fees that holds `bins`; it stands in the first of them."""
    arrays: dict[int, tuple[Bin, ...]] = {}
    for index in {one.bin_id // BINS_PER_ARRAY for one in bins}:
        ids = range(index * BINS_PER_ARRAY, (index + 1) * BINS_PER_ARRAY)
        by_id = {bin_id: Bin(bin_id, price_of_bin(bin_id, BIN_STEP), 0, 0) for bin_id in ids}
        by_id |= {one.bin_id: one for one in bins if one.bin_id in ids}
        arrays[index] = tuple(by_id.values())
    return DlmmState(
        active_id=bins[0].bin_id if active_id is None else active_id,
        bin_step=BIN_STEP,
        fee=NO_FEE,
        volatility=Volatility(0, 0, 0, NOW),
        fee_on_y_only=False,
        with_orders=True,
        arrays=arrays,
        array_set=sum(1 << (index + ARRAY_ZERO) for index in arrays),
        array_zero=ARRAY_ZERO,
        bitmap_complete=True,
    )


def a_bin(bin_id: int, **amounts: int | bool) -> Bin:
    return Bin(bin_id, price_of_bin(bin_id, BIN_STEP), **{"amount_x": 0, "amount_y": 0, **amounts})  # type: ignore[arg-type]


def exact_out(state: DlmmState, amount: int, *, x_to_y: bool = True):
    return walk(state, x_to_y=x_to_y, exact_in=False, amount=amount, unix_timestamp=NOW)


def test_exact_out_of_a_part_takes_from_the_bin_what_the_rounded_up_input_buys() -> None:
    price = price_of_bin(300, BIN_STEP)
    assert price >> 64 == 19  # one X buys 19 Y, and something
    swap = exact_out(state_of(a_bin(300, amount_y=1_000)), 7)
    assert (swap.amount_in, swap.amount_out) == (1, 7)
    (left,) = swap.bins
    assert (left.amount_x, left.amount_y) == (1, 1_000 - 19)


def test_exact_out_of_a_part_never_takes_more_than_the_bin_holds() -> None:
    swap = exact_out(state_of(a_bin(300, amount_y=10)), 7)
    assert (swap.amount_out, swap.bins[0].amount_y) == (7, 0)


def test_exact_out_leaves_orders_alone_that_it_does_not_touch() -> None:
    swap = exact_out(state_of(a_bin(300, amount_y=7, open_order_amount=500, processing_left=300)), 7)
    assert swap.amount_out == 7
    assert (swap.bins[0].amount_y, swap.bins[0].processing_left, swap.bins[0].open_order_amount) == (0, 300, 500)


def test_exact_out_is_refused_where_a_whole_layer_costs_more_than_64_bits() -> None:
    cheap = -1_000  # Y at 1/20,952 X: 2^52 of it cost some 2^66
    with pytest.raises(MathOverflow):
        exact_out(state_of(a_bin(cheap, amount_y=2**52)), 10)
    assert exact_out(state_of(a_bin(cheap, amount_y=2**40)), 10).amount_out == 10
    untouched = a_bin(cheap, amount_y=2**40, open_order_amount=2**52)
    assert exact_out(state_of(untouched), 10).amount_out == 10


@pytest.mark.parametrize("layer", [2**63, 2**63 + 5, U64_MAX // 2 + 1])
def test_a_ladder_fills_in_a_bin_whose_layers_cost_more_than_64_bits_together(layer: int) -> None:
    state = state_of(a_bin(0, amount_y=layer, processing_left=layer))
    amounts = [1, 10**6, 2**62, U64_MAX]
    run = BinRun(bins_to_trade(state.arrays[0], x_to_y=True, with_orders=True))
    ladder = BinLadder([run], active_id=0, x_to_y=True, fee_on_output=False)
    ran_out: list[None] = []
    pricing = ladder.pricing(
        fee=state.fee,
        volatility=state.volatility,
        bin_step=BIN_STEP,
        vault_out=U64_MAX,
        ran_out=lambda: ran_out.append(None),
    )
    found = pricing(array("Q", amounts))
    walked = [
        walk(state, x_to_y=True, exact_in=True, amount=amount, unix_timestamp=NOW).amount_out for amount in amounts
    ]
    assert list(found) == walked == amounts  # the price of bin 0 is one


def test_an_active_array_outside_the_pair_s_bitmap_wants_the_extension() -> None:
    far = 600 * BINS_PER_ARRAY
    edge = a_bin(511 * BINS_PER_ARRAY, amount_y=1_000)._replace(price_x64=1 << 64)
    inside = state_of(edge, active_id=far)
    for state, refusal in ((inside, OutOfBins), (replace(inside, bitmap_complete=False), ExtensionMissing)):
        with pytest.raises(refusal):
            walk(state, x_to_y=True, exact_in=False, amount=10, unix_timestamp=NOW)
        assert arrays_to_trade(state, x_to_y=True) == []
    held = replace(inside, has_extension=True)
    assert walk(held, x_to_y=True, exact_in=False, amount=10, unix_timestamp=NOW).amount_out == 10


def test_a_set_array_that_does_not_exist_is_no_liquidity() -> None:
    state = replace(state_of(a_bin(0, amount_y=10)), arrays={}, absent_arrays=frozenset({0}))
    with pytest.raises(OutOfBins):
        exact_out(state, 5)


def test_layers_that_round_apart_are_undetermined() -> None:
    with pytest.raises(Undetermined):
        exact_out(state_of(a_bin(300, amount_y=7, processing_left=7, open_order_amount=500)), 14)


@pytest.mark.parametrize("extension_known", [True, False])
def test_a_pair_far_out_without_extension_is_refused_or_not_known(
    open_pool: OpenPool,
    recorded: Callable[[str, str], RecordedPool],
    clock: ChainClock,
    extension_known: bool,
) -> None:
    pool, own = open_pool(DEX, NAME), recorded(DEX, NAME)
    extension = layout.bitmap_extension_address(pool.address)
    if extension_known:
        pool.apply(extension, None)
    account = own.accounts[pool.address]
    moved = with_fields(account.data, [(layout.ACTIVE_ID, 600 * BINS_PER_ARRAY)])
    pool.apply(pool.address, Account(account.owner, moved))
    with pytest.raises(NoLiquidity if extension_known else LiquidityNotLoaded):
        pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, 10**6, clock)
    assert list(pool.ladder(Direction.A_TO_B, [10**6], clock)) == [0]


@pytest.mark.parametrize(("pair_type", "waits"), [(0, False), (1, True), (2, True), (3, False)])
def test_only_permissioned_and_customizable_pairs_wait_for_their_activation(
    open_pool: OpenPool, clock: ChainClock, pair_type: int, waits: bool
) -> None:
    point = (clock.unix_timestamp + 1).to_bytes(8, "little")
    pool = open_pool(
        DEX,
        NAME,
        {
            ("pool", PAIR_TYPE): bytes([pair_type]),
            ("pool", ACTIVATION_TYPE): b"\x01",
            ("pool", ACTIVATION_POINT): point,
        },
    )
    if waits:
        with pytest.raises(ActivationPending):
            pool.check_tradable(clock)
        clock = replace(clock, unix_timestamp=clock.unix_timestamp + 1)
    pool.check_tradable(clock)
