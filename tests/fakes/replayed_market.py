"""The recorded market played again, as the judge of quotes: the same seed is the same bytes at the same slot."""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterable

from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode
from quote_core.errors import NotTradable
from quote_core.generated.solquote.v1 import local_quote_pb2
from quote_core.tokens import load_tokens
from recorded_market.genesis import make_genesis
from recorded_market.market import Market
from recorded_market.recording import load_recording

CLOCK_LAG_S_MAX = 2  # a quote is priced at the chain's time held then, which may be of a slot just before or after


def outputs(pool: Pool, quote: local_quote_pb2.LocalQuote, clock: ChainClock, *, lag_s_max: int) -> set[int]:
    """What the pool gives for the quote's input at `clock` and at the clocks around it."""
    direction = Direction.A_TO_B if pool.mint_a == quote.input_mint else Direction.B_TO_A
    found = set()
    for second in range(clock.unix_timestamp - lag_s_max, clock.unix_timestamp + lag_s_max + 1):
        with contextlib.suppress(NotTradable):  # a pool may refuse a time before its own last update
            moment = ChainClock(clock.slot, second, clock.epoch)
            found.add(pool.swap(direction, SwapMode.EXACT_IN, quote.input_amount, moment).amount_out)
    return found


def assert_exact(
    quotes: Iterable[local_quote_pb2.LocalQuote], *, seed: int, lag_s_max: int = CLOCK_LAG_S_MAX
) -> Counter[str]:
    """Every quote is that of its pool at its slot; returns how many were checked, by protocol."""
    judge = Market(make_genesis(load_recording(), load_tokens(), seed=seed))
    checked: Counter[str] = Counter()
    by_slot = defaultdict(list)
    for quote in quotes:
        by_slot[quote.slot].append(quote)
    last_slot = max(by_slot)
    while judge.clock.slot <= last_slot:
        pools = {pool.address: pool for pool in judge.tradable_pools()} if judge.clock.slot in by_slot else {}
        for quote in by_slot.pop(judge.clock.slot, []):
            given = outputs(pools[quote.pool_id], quote, judge.clock, lag_s_max=lag_s_max)
            assert quote.output_amount in given, (judge.clock.slot, quote)
            checked[quote.protocol] += 1
        judge.advance()
    assert not by_slot
    return checked
