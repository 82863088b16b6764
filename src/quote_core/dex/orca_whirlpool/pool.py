"""An Orca Whirlpool as a `Pool`: its accounts, and swaps over three tick arrays.

Not reproduced by `write_swap`, because no quote reads it: growth outside the ticks crossed, and reward growth.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import ClassVar, Final, NamedTuple

from quote_core.dex.account_book import Decoder
from quote_core.dex.booked_pool import AccountReading, PoolKeys
from quote_core.dex.concentrated import ConcentratedPool, WalkDone
from quote_core.dex.orca_whirlpool import layout
from quote_core.dex.orca_whirlpool._ladder import LaidTicks, SequenceLadder
from quote_core.dex.orca_whirlpool.adaptive_fee import AdaptiveFee, FeeManager
from quote_core.dex.orca_whirlpool.published import answer_published_case
from quote_core.dex.orca_whirlpool.state import (
    TICKS_PER_ARRAY,
    WhirlpoolState,
    WhirlpoolTickArray,
    array_sequence,
)
from quote_core.dex.orca_whirlpool.swap import (
    FEE_DENOMINATOR,
    ArrayUnknown,
    PartialFill,
    SequenceEnd,
    WhirlpoolWalk,
    walk,
)
from quote_core.dex.orca_whirlpool.ticks import MAX_SQRT_PRICE_X64, sqrt_price_at_tick, tick_at_sqrt_price
from quote_core.dex.pool import Account, ChainClock, Dex, Direction, Pricing
from quote_core.dex.pool_program import MathTable, PoolProgram
from quote_core.dex.sqrt_price import MIN_SQRT_PRICE_X64, spot_price_of
from quote_core.dex.walk import STEP_COUNT_MAX, MathOverflow
from quote_core.errors import ActivationPending, LiquidityNotLoaded, NoLiquidity, NotTradable
from quote_core.units import Pubkey

__all__ = ["PROGRAM", "OrcaWhirlpoolPool"]


class _Reachable(NamedTuple):
    """Tick arrays: start ticks in walk order by direction, addresses by start tick, and these alone."""

    place: tuple[int, int]
    sequences: Mapping[bool, Sequence[int]]
    by_start: Mapping[int, Pubkey]
    addresses: tuple[Pubkey, ...]


class OrcaWhirlpoolPool(ConcentratedPool[layout.WhirlpoolAccount, WhirlpoolState, SequenceLadder]):
    """See `Pool`. A tick array reported as absent counts as empty, one never reported as unknown.

    An exact input that buys nothing succeeds here, as it does on chain.
    """

    dex: ClassVar[Dex] = Dex.ORCA_WHIRLPOOL
    refuses_zero_output: ClassVar[bool] = False

    def __init__(self, address: Pubkey, account: Account) -> None:
        self._program = account.owner
        self._reached: _Reachable | None = None
        self._oracle_address = layout.oracle_address(account.owner, address)
        self._laid: dict[int, LaidTicks] = {}
        self._laid_of: WhirlpoolState | None = None
        super().__init__(address, account)

    def _decode_own(self, pubkey: Pubkey, account: Account) -> layout.WhirlpoolAccount:
        return layout.decode_pool_account(pubkey, account)

    def _keys_of(self, own: layout.WhirlpoolAccount) -> PoolKeys:
        others = own.tick_spacing, own.uses_adaptive_fee
        return PoolKeys(own.mint_a, own.mint_b, own.vault_a, own.vault_b, others)

    def _make_readings(self) -> Mapping[Pubkey, AccountReading]:
        readings = self._token_readings()
        if self._own.uses_adaptive_fee:
            readings[self._oracle_address] = AccountReading(partial(layout.decode_oracle, pool=self.address))
        return readings

    def _written_by_swaps(self) -> Iterable[Pubkey]:
        yield from super()._written_by_swaps()
        if self._own.uses_adaptive_fee:
            yield self._oracle_address

    def _explains_walk(self, own_data: bytes, arrays: Mapping[Pubkey, bytes]) -> bool:
        """See `ConcentratedPool`: of arrays swaps change fees alone, and liquidity only by crossing."""
        if arrays:
            return False
        own, held = self._own, self._held_state().arrays
        tick, liquidity = layout.TICK_CURRENT.read(own_data), layout.LIQUIDITY.read(own_data)
        if tick == own.tick:
            return liquidity == own.liquidity
        low, high = sorted((own.tick, tick))
        span = TICKS_PER_ARRAY * own.tick_spacing
        crossed = 0
        for start in range(low // span * span, high + 1, span):
            if start not in held:
                return False
            crossed += sum(net for at, net in held[start].liquidity_net.items() if low < at <= high)
        return liquidity == own.liquidity + (crossed if tick > own.tick else -crossed)

    def _moving_needs(self) -> Sequence[Pubkey]:
        """Those a swap in either direction may use."""
        return self._reachable().addresses

    def _moving_decoder(self, pubkey: Pubkey) -> Decoder:
        return partial(layout.decode_tick_array, pool=self.address, tick_spacing=self._own.tick_spacing)

    def _reachable(self) -> "_Reachable":
        """The arrays that walks both ways go through: looked for anew once they may be others."""
        tick, spacing = self._own.tick, self._own.tick_spacing
        span = TICKS_PER_ARRAY * spacing
        place = tick // span, (tick + spacing) // span
        if self._reached is None or self._reached.place != place:
            sequences = {a_to_b: array_sequence(tick, spacing, a_to_b=a_to_b) for a_to_b in (True, False)}
            by_start = {
                start: layout.tick_array_address(self._program, self.address, start)
                for sequence in sequences.values()
                for start in sequence
            }
            self._reached = _Reachable(place, sequences, by_start, tuple(by_start.values()))
        return self._reached

    def _oracle(self) -> layout.WhirlpoolOracle | None:
        return self._book.value(self._oracle_address, layout.WhirlpoolOracle)

    def _check_open(self, clock: ChainClock) -> None:
        oracle = self._oracle()
        if oracle is not None and clock.unix_timestamp < oracle.trade_enable_unix_s:
            raise ActivationPending(self.address, f"opens at unix time {oracle.trade_enable_unix_s}")
        if clock.unix_timestamp < self._own.reward_updated_unix_s:
            raise NotTradable(self.address, "the clock is earlier than the pool's last update")

    def _turning_times(self) -> Iterable[int]:
        yield self._own.reward_updated_unix_s
        oracle = self._oracle()
        if oracle is not None:
            yield oracle.trade_enable_unix_s
            yield from oracle.fee.turning_times()

    def _walk(self, amount: int, clock: ChainClock, *, a_to_b: bool, exact_in: bool) -> WhirlpoolWalk:
        try:
            return walk(
                self._held_state(),
                a_to_b=a_to_b,
                exact_in=exact_in,
                amount=amount,
                unix_timestamp=clock.unix_timestamp,
            )
        except ArrayUnknown as unknown:
            array = layout.tick_array_address(self._program, self.address, unknown.start_tick)
            raise LiquidityNotLoaded(self.address, array) from None
        except SequenceEnd:
            raise NoLiquidity(self.address, "the amount needs a fourth tick array; split the trade") from None
        except PartialFill:
            raise NoLiquidity(self.address, "the output cannot be reached at any price") from None

    def _make_ladder(self, *, a_to_b: bool) -> SequenceLadder:
        state = self._held_state()
        if self._laid_of is not state:
            self._laid = {start: self._laid_out(array) for start, array in state.arrays.items()}
            self._laid_of = state
        return SequenceLadder(
            state,
            [self._laid.get(start) for start in self._reachable().sequences[a_to_b]],
            down=a_to_b,
            limit=MIN_SQRT_PRICE_X64 if a_to_b else MAX_SQRT_PRICE_X64,
            step_count_max=STEP_COUNT_MAX,
        )

    def _laid_out(self, array: WhirlpoolTickArray) -> LaidTicks:
        """The array's ticks; most changes of a pool are not of its arrays."""
        laid = self._laid.get(array.start_tick)
        return laid if laid is not None and laid.array is array else LaidTicks(array)

    def _ladder_pricing(self, ladder: SequenceLadder, clock: ChainClock, *, a_to_b: bool, vault_out: int) -> Pricing:
        return ladder.pricing(fee=self._fee_at_start(self._held_state(), clock), vault_out=vault_out)

    def _fee_at_start(self, state: WhirlpoolState, clock: ChainClock) -> AdaptiveFee | None:
        """The adaptive fee as a swap at `clock` would find it."""
        if state.adaptive_fee is None:
            return None
        try:
            return state.adaptive_fee.at_swap_start(tick=state.tick, unix_timestamp=clock.unix_timestamp)
        except MathOverflow as overflow:
            raise NotTradable(self.address, str(overflow)) from None

    def _accounts_after(self, done: WalkDone) -> Mapping[Pubkey, bytes]:
        after: WhirlpoolWalk = done.walk
        changed = {
            self.address: layout.with_swap(
                self._book.data(self.address),
                liquidity=after.liquidity,
                sqrt_price_x64=after.sqrt_price_x64,
                tick=after.tick,
                a_to_b=done.a_to_b,
                protocol_fee=after.protocol_fee,
                fee_growth_x64=after.fee_growth_x64,
                unix_timestamp=done.clock.unix_timestamp,
            )
        }
        if after.adaptive_fee is not None:
            data = self._book.data(self._oracle_address)
            changed[self._oracle_address] = layout.with_oracle(data, after.adaptive_fee)
        return changed

    def _spot_price(self) -> float:
        return spot_price_of(self._own.sqrt_price_x64)

    def fee_fraction(self, direction: Direction, clock: ChainClock) -> float:
        """See `Pool.fee_fraction`."""
        self._check_whole()
        state = self._held_state()
        fee = self._fee_at_start(state, clock)
        manager = FeeManager(state.fee_rate, fee, tick=state.tick, a_to_b=direction is Direction.A_TO_B)
        return manager.next_rate() / FEE_DENOMINATOR

    def _make_state(self) -> WhirlpoolState:
        own, oracle = self._own, self._oracle()
        return WhirlpoolState(
            sqrt_price_x64=own.sqrt_price_x64,
            tick=own.tick,
            liquidity=own.liquidity,
            tick_spacing=own.tick_spacing,
            fee_rate=own.fee_rate,
            protocol_fee_rate_bps=own.protocol_fee_rate_bps,
            adaptive_fee=None if oracle is None else oracle.fee,
            fee_growth_global_a_x64=own.fee_growth_global_a_x64,
            fee_growth_global_b_x64=own.fee_growth_global_b_x64,
            arrays=self._known_arrays(),
        )

    def _known_arrays(self) -> dict[int, WhirlpoolTickArray]:
        """The arrays held, and empty ones for those that do not exist."""
        return {
            start: self._book.value(address, WhirlpoolTickArray) or WhirlpoolTickArray(start, {})
            for start, address in self._reachable().by_start.items()
            if self._book.is_known(address)
        }


PROGRAM: Final = PoolProgram(
    dex=Dex.ORCA_WHIRLPOOL,
    layout=layout.POOL,
    mint_a=layout.MINT_A,
    mint_b=layout.MINT_B,
    open_pool=OrcaWhirlpoolPool,
    next_fields={
        "liquidity": layout.LIQUIDITY,
        "sqrt_price": layout.SQRT_PRICE,
        "tick": layout.TICK_CURRENT,
        "protocol_fee_owed_a": layout.OWED_A,
        "protocol_fee_owed_b": layout.OWED_B,
    },
    math_tables={
        "whirlpool_tick_to_sqrt_price": MathTable(("tick",), "sqrt_price_x64", sqrt_price_at_tick),
        "whirlpool_sqrt_price_to_tick": MathTable(("sqrt_price_x64",), "tick", tick_at_sqrt_price),
    },
    published_case=answer_published_case,
)
