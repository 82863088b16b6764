"""Whatever bytes the file holds, the service starts, and no quote is fresh that is not the chain's."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from fakes.fake_clock import FakeClock
from fakes.golden_market import GOLDEN_POOLS, GoldenMarket
from fakes.held_market import SOL
from fakes.kept_market import AMOUNT, Restarted, golden_market, quotes_of, true_outputs, warm_start
from hypothesis import given, settings
from hypothesis import strategies as st

from local_quote.warm_file import KeptPool, WarmFile, WarmFileEncoder, encode_pool
from local_quote.warm_start import WARM_FILE_NAME
from quote_core.clock import Moment
from quote_core.dex.pool import ChainClock
from quote_core.units import NS_PER_S

DOWN_NS = NS_PER_S
S64 = st.integers(-(2**63), 2**63 - 1)
U64 = st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1))
MOMENTS = st.builds(Moment, U64, S64, S64)


def written() -> tuple[bytes, GoldenMarket]:
    """A sound file, and the chain after it has gone on."""
    golden = golden_market()
    with tempfile.TemporaryDirectory() as folder:
        keeper = warm_start(Path(folder), golden.held.market, golden.held.clock)
        asyncio.run(keeper.restore())
        asyncio.run(keeper.write())
        content = (Path(folder) / WARM_FILE_NAME).read_bytes()
    for pool_id in GOLDEN_POOLS.values():
        golden.trade(pool_id, SOL.mint, 50 * AMOUNT)
    return content, golden


CONTENT, GOLDEN = written()
UNIX_NS, MONO_NS = GOLDEN.held.clock.unix_ns(), GOLDEN.held.clock.mono_ns()


def begun_from(content: bytes) -> Restarted:
    """A start from a file; every quote it gives before anything is read is marked."""
    clock = FakeClock(mono_ns=MONO_NS + DOWN_NS, unix_ns=UNIX_NS + DOWN_NS)
    after = Restarted(clock, dict(GOLDEN.accounts), GOLDEN.held.slot)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / WARM_FILE_NAME).write_bytes(content)
        asyncio.run(warm_start(Path(folder), after.market, clock).restore())
    for entry in after.market.store:
        assert after.market.quoter.is_stale(entry)
        assert entry.age_ns(clock.mono_ns()) >= 0
    return after


def assert_what_is_fresh_is_true(after: Restarted) -> None:
    """While the chain goes on and is read, a fresh pool gives what the chain's accounts give."""
    market = after.market
    for _ in range(4):
        after.read()
        if market.chain_clock is None:  # begun anew: the file told of slots that are far from here
            assert not quotes_of(market)
            continue
        truth = true_outputs(GOLDEN.accounts, market.quoter.now_on_chain())
        for (pool_id, mint), output in quotes_of(market).items():
            entry = market.store.entry(pool_id)
            assert entry is not None
            if not market.quoter.is_stale(entry):
                assert output == truth[pool_id, mint]
                assert entry.slot == after.slot
                assert entry.age_ns(after.clock.mono_ns()) < 5 * NS_PER_S


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damaged_bytes(data: st.DataObject) -> None:
    content = bytearray(CONTENT)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "drop", "insert"]))
        if kind == "flip":
            content[at] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del content[max(1, at) :]
        elif kind == "drop":
            del content[at : at + data.draw(st.integers(1, 5_000))]
        else:
            content[at:at] = data.draw(st.binary(min_size=1, max_size=100))
        content = content or bytearray(b"x")
    assert_what_is_fresh_is_true(begun_from(bytes(content)))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(content: bytes) -> None:
    assert len(begun_from(content).market.store) == 0


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_sound_file_that_lies(data: st.DataObject) -> None:
    """Its checksums are right, and what it says of slots, times, clocks, owners and bytes may be anything."""
    file = WarmFile(CONTENT)
    origin = file.origin
    if data.draw(st.booleans()):
        clock = data.draw(st.one_of(st.none(), st.builds(ChainClock, U64, S64, U64)))
        origin = replace(origin, slot=data.draw(U64), clock=clock)
    if data.draw(st.booleans()):
        origin = replace(origin, written=data.draw(MOMENTS))
    pools = [pool for frame in file.frames() for pool in frame]
    encoder = WarmFileEncoder()
    content = encoder.begin(origin)
    for pool in data.draw(st.permutations(pools)):
        content += encoder.frame([encode_pool(lying(pool, data))])
    assert_what_is_fresh_is_true(begun_from(content + encoder.end()))


def lying(pool: KeptPool, data: st.DataObject) -> KeptPool:
    freshness = pool.freshness
    if data.draw(st.booleans()):
        freshness = replace(freshness, vouched_slot=data.draw(U64), changed_slot=data.draw(U64))
    if data.draw(st.booleans()):
        freshness = replace(freshness, vouched=data.draw(MOMENTS), chain_unix_s=data.draw(S64))
    accounts = list(pool.accounts)
    for _ in range(data.draw(st.integers(0, 3))):
        number = data.draw(st.integers(0, len(accounts) - 1))
        update = accounts[number]
        what = data.draw(st.sampled_from(["slot", "gone", "bytes", "twice", "missing"]))
        if what == "slot":
            accounts[number] = replace(update, slot=data.draw(U64))
        elif what == "gone":
            accounts[number] = replace(update, account=None)
        elif what == "twice":
            accounts.append(update)
        elif what == "missing" and len(accounts) > 1:
            del accounts[number]
        elif update.account is not None and update.account.data:
            content = bytearray(update.account.data)
            at = data.draw(st.integers(0, len(content) - 1))
            content[at : at + 8] = data.draw(st.binary(min_size=8, max_size=8))[: len(content) - at]
            accounts[number] = replace(update, account=replace(update.account, data=bytes(content)))
    return replace(pool, freshness=freshness, accounts=accounts)
