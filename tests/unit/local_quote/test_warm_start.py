"""What a restart begins from: what was held, told as old as it is, and nothing that cannot be relied on."""

import asyncio
import os
import resource
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from fakes.fake_clock import FakeClock
from fakes.golden_market import GOLDEN_POOLS, GoldenMarket
from fakes.held_market import SOL, USDC
from fakes.kept_market import AMOUNT, Ranks, Reads, Restarted, golden_market, quotes_of, true_outputs, warm_start

from local_quote import warm_start as warm_start_module
from local_quote.chain_progress import SLOTS_APART_MAX
from local_quote.doubt import Doubt
from local_quote.routes import HopRequest, simulate_route
from local_quote.warm_start import WARM_FILE_NAME
from local_quote.wire import QuoteEncoder
from quote_core.clock import Moment, moment
from quote_core.errors import NoLiquidity, StaleState
from quote_core.files import Replacement
from quote_core.generated.solquote.v1 import local_quote_pb2
from quote_core.serving import read_freshness
from quote_core.units import NS_PER_S, Pubkey

DOWN_MS = 90_000
"""Longer than what a running service quotes without a reading."""


def kept(folder: Path, golden: GoldenMarket, *, reads: Reads | None = None, ranks: Ranks | None = None) -> None:
    keeper = warm_start(folder, golden.held.market, golden.held.clock, reads=reads, ranks=ranks)
    asyncio.run(keeper.restore())
    asyncio.run(keeper.write())
    assert keeper.counts.write_count == 1


def restarted(folder: Path, golden: GoldenMarket, *, down_ms: int = DOWN_MS, **options: object) -> Restarted:
    """A process that begins `down_ms` after what was kept was written."""
    golden.held.clock.advance_ms(down_ms)
    after = Restarted(golden.held.clock, dict(golden.accounts), golden.held.slot)
    asyncio.run(warm_start(folder, after.market, after.clock, **options).restore())  # type: ignore[arg-type]
    return after


def test_every_pool_gives_what_it_gave_and_is_told_stale_and_as_old_as_it_is(tmp_path: Path) -> None:
    golden = golden_market()
    vouched = {entry.pool.address: entry.freshness for entry in golden.held.market.store}
    expected = quotes_of(golden.held.market)
    kept(tmp_path, golden)
    after = restarted(tmp_path, golden)
    assert len(expected) == 2 * len(GOLDEN_POOLS)
    assert after.quotes() == expected
    for entry in after.market.store:
        assert entry.doubt is Doubt.UNCONFIRMED
        assert entry.freshness == vouched[entry.pool.address]
        assert entry.age_ns(after.clock.mono_ns()) >= DOWN_MS * 1_000_000


def test_it_is_stale_until_it_is_read_however_short_the_restart_was(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    after = restarted(tmp_path, golden, down_ms=0)
    assert all(after.market.quoter.is_stale(entry) for entry in after.market.store)
    after.read()  # nothing vouches before a slot was seen to be followed by another
    assert all(after.market.quoter.is_stale(entry) for entry in after.market.store)
    after.read()
    assert not any(after.market.quoter.is_stale(entry) for entry in after.market.store)


def test_once_read_it_quotes_what_the_chain_holds_by_then(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    for pool_id in GOLDEN_POOLS.values():
        golden.trade(pool_id, SOL.mint, 50 * AMOUNT)
    after = restarted(tmp_path, golden)
    outdated = after.quotes()
    after.read()
    after.read()
    assert all(entry.doubt is None for entry in after.market.store)
    truth = true_outputs(golden.accounts, after.market.quoter.now_on_chain())
    assert after.quotes() == truth
    assert not set(outdated.items()) & set(truth.items())


def test_plans_do_not_rest_on_what_was_kept(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    after = restarted(tmp_path, golden, down_ms=0)
    market = after.market
    with pytest.raises(NoLiquidity, match="kept from before the start and not read since"):
        simulate_route(
            quoter=market.quoter,
            store=market.store,
            registry=market.registry,
            hops=[HopRequest(SOL.mint, USDC.mint, "")],
            input_amount=AMOUNT,
            hop_count_max=4,
        )


def test_what_is_older_than_the_setting_is_not_begun_from_and_what_grows_older_is_refused(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    after = restarted(tmp_path, golden, age_s_max=100)
    assert len(after.market.store) == len(GOLDEN_POOLS)
    after.clock.advance_ms(100_000 - DOWN_MS)
    assert isinstance(after.best(), tuple)
    assert after.market.sweep() == len(GOLDEN_POOLS)
    after.clock.advance_ms(1_000)
    assert isinstance(after.best(), StaleState)
    assert len(restarted(tmp_path, golden, down_ms=1, age_s_max=100).market.store) == 0


def test_a_pool_that_was_closed_or_given_to_another_program_meanwhile_is_let_go_when_it_is_read(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    after = restarted(tmp_path, golden)
    closed, given, *others = GOLDEN_POOLS.values()
    del after.accounts[closed]
    after.accounts[given] = replace(after.accounts[given], owner=Pubkey("1" * 32))
    after.read()
    after.read()
    assert {entry.pool.address for entry in after.market.store} == set(others)
    assert all(entry.doubt is None for entry in after.market.store)


def test_a_pool_is_not_let_go_for_an_answer_of_an_older_slot(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    after = restarted(tmp_path, golden)
    after.slot = min(entry.slot for entry in after.market.store) - 2
    after.accounts.clear()
    after.read()
    assert len(after.market.store) == len(GOLDEN_POOLS)


def test_what_a_fork_took_back_meanwhile_is_stale_until_the_chain_has_passed_it(tmp_path: Path) -> None:
    golden = golden_market()
    standing = dict(golden.accounts)
    for pool_id in GOLDEN_POOLS.values():
        golden.trade(pool_id, SOL.mint, 50 * AMOUNT)  # in slots that are none any more
    kept(tmp_path, golden)
    after = restarted(tmp_path, golden)
    after.accounts = standing
    newest_slot = max(entry.slot for entry in after.market.store)
    after.slot = newest_slot - 3
    fresh_counts = []
    while after.slot < newest_slot + 2:
        after.read()
        truth = true_outputs(standing, after.market.quoter.now_on_chain())
        fresh = {entry.pool.address for entry in after.market.store if not after.market.quoter.is_stale(entry)}
        fresh_counts.append(len(fresh))
        given = {key: output for key, output in after.quotes().items() if key[0] in fresh}
        assert given == {key: output for key, output in truth.items() if key[0] in fresh}
    assert fresh_counts[0] < len(GOLDEN_POOLS)
    assert fresh_counts[-1] == len(GOLDEN_POOLS)


def test_a_chain_that_is_far_behind_is_another_one_and_everything_is_begun_anew(tmp_path: Path) -> None:
    golden = golden_market()
    golden.held.slot += 1_000
    golden.held.tick()
    for name in GOLDEN_POOLS:
        golden._read(GOLDEN_POOLS[name])
    kept(tmp_path, golden)
    after = restarted(tmp_path, golden)
    after.slot = 50
    after.read()
    assert isinstance(after.best(), NoLiquidity)  # nothing of it is quoted any more
    after.read()
    after.read()
    assert {entry.doubt for entry in after.market.store} == {None}
    assert all(entry.slot < 100 for entry in after.market.store)


def refusal_of(folder: Path, golden: GoldenMarket, **options: object) -> str:
    """Why the file is set aside."""
    with structlog.testing.capture_logs() as logs:
        after = restarted(folder, golden, **options)  # type: ignore[arg-type]
    assert len(after.market.store) == 0
    (warning,) = [line for line in logs if line["log_level"] == "warning"]
    assert (folder / f"{WARM_FILE_NAME}.refused").exists()
    assert not (folder / WARM_FILE_NAME).exists()
    return str(warning["reason"])


def test_another_cluster_s_file_is_set_aside(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden, reads=Reads("chain one"))
    assert refusal_of(tmp_path, golden, endpoints=("elsewhere",)) == "is of other RPC endpoints"
    kept(tmp_path, golden, reads=Reads("chain one"))
    assert refusal_of(tmp_path, golden, reads=Reads("chain two")) == "is of another chain (chain one)"
    kept(tmp_path, golden, reads=Reads("chain one"))
    reads = Reads()
    restarted(tmp_path, golden, reads=reads)
    assert reads.genesis_hash == "chain one"  # should the node serve another, everything is begun anew


def test_another_run_s_file_is_not_used(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    assert len(restarted(tmp_path, golden, run_id="the next").market.store) == 0


def test_a_file_from_the_future_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    monkeypatch.setattr("quote_core.clock.boot_id", lambda: 7)
    golden.held.clock.step_wall_ns(-3_600 * NS_PER_S)
    assert "is from the future" in refusal_of(tmp_path, golden)


def test_after_a_boot_the_age_is_that_of_the_wall_clock_and_no_less_than_the_host_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    written_unix_ns = golden.held.clock.unix_ns()
    for up_s, down_s, expected_s in ((5, 60, 60), (40, 0, 40)):  # the wall clock was set back by the second
        monkeypatch.setattr("quote_core.clock.boot_id", lambda up_s=up_s: up_s)
        clock = FakeClock(mono_ns=up_s * NS_PER_S, unix_ns=written_unix_ns + down_s * NS_PER_S)
        after = Restarted(clock, {}, 0)
        asyncio.run(warm_start(tmp_path, after.market, clock).restore())
        assert len(after.quotes()) == 2 * len(GOLDEN_POOLS)
        for entry in after.market.store:
            assert expected_s <= entry.age_ns(clock.mono_ns()) / NS_PER_S < expected_s + 20
            now = Moment(up_s, clock.mono_ns(), clock.unix_ns())
            assert entry.freshness.age_ns(now) == entry.age_ns(clock.mono_ns())
        market = after.market
        encoder = QuoteEncoder(
            table=market.table, oracle=market.oracle, clock=clock, stale_after_ns=market.stale_after_ns
        )
        message = encoder.quote(market.quote(SOL, USDC, AMOUNT), market.chain_clock)
        told = local_quote_pb2.LocalQuote.FromString(message)
        assert told.is_stale
        assert told.pool_state_age_ms // 1_000 in range(expected_s, expected_s + 20)
        assert (told.freshness.boot_id, told.freshness.vouched_mono_ns) == (0, 0)
        assert read_freshness(told).age_ns(moment(clock)) >= down_s * NS_PER_S


def test_a_pool_of_slots_that_are_yet_to_come_is_not_begun_from(tmp_path: Path) -> None:
    golden = golden_market()
    first, second, *others = golden.held.market.store
    for entry, ahead in ((first, SLOTS_APART_MAX + 1), (second, SLOTS_APART_MAX)):
        held = golden.held.market.store.account(entry.accounts[-1])
        assert held is not None
        held.slot = golden.held.market.newest_slot + ahead
    kept(tmp_path, golden)
    after = restarted(tmp_path, golden)
    assert {entry.pool.address for entry in after.market.store} == {one.pool.address for one in (second, *others)}


def test_a_disk_that_takes_nothing_is_told_once_and_when_it_takes_again(tmp_path: Path) -> None:
    golden = golden_market()
    folder = tmp_path / "folder"
    folder.write_text("in the way")
    keeper = warm_start(folder, golden.held.market, golden.held.clock)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            asyncio.run(keeper.restore())
            asyncio.run(keeper.write())
        folder.unlink()
        asyncio.run(keeper.write())
    assert keeper.counts.write_failed_count == 3
    assert keeper.counts.write_count == 1
    told = [line["event"] for line in logs if "kept" in line["event"] and "cold" not in line["event"]]
    assert told == ["what is held cannot be kept for the next start", "what is held is kept again"]


def test_nothing_replaces_what_was_kept_before_that_is_begun_from_or_while_nothing_is_held(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    content = (tmp_path / WARM_FILE_NAME).read_bytes()
    early = warm_start(tmp_path, golden.held.market, golden.held.clock)
    asyncio.run(early.write())
    empty = Restarted(golden.held.clock, {}, 0)
    idle = warm_start(tmp_path, empty.market, empty.clock, age_s_max=0)
    empty.clock.advance_ms(1)
    asyncio.run(idle.restore())
    asyncio.run(idle.write())
    assert (tmp_path / WARM_FILE_NAME).read_bytes() == content
    assert early.counts.write_count == idle.counts.write_count == 0


def test_what_was_not_read_since_is_kept_as_old_as_it_is_over_a_second_restart(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    once = restarted(tmp_path, golden)
    keeper = warm_start(tmp_path, once.market, once.clock)
    asyncio.run(keeper.restore())
    asyncio.run(keeper.write())
    twice = Restarted(once.clock, {}, 0)
    asyncio.run(warm_start(tmp_path, twice.market, twice.clock).restore())
    assert twice.quotes() == once.quotes()
    freshness = {entry.pool.address: entry.freshness for entry in once.market.store}
    assert {entry.pool.address: entry.freshness for entry in twice.market.store} == freshness


def test_ranks_and_order_are_kept_and_no_more_pools_are_begun_from_than_may_be_held(tmp_path: Path) -> None:
    golden = golden_market()
    depths: dict[Pubkey, int | None] = dict(zip(GOLDEN_POOLS.values(), (5, None, 3, 2**70, 1), strict=True))
    kept(tmp_path, golden, ranks=Ranks(depths))
    ranks = Ranks()
    after = restarted(tmp_path, golden, ranks=ranks, pool_count_max=4)
    first = list(GOLDEN_POOLS.values())[:4]
    assert [entry.pool.address for entry in after.market.store] == first
    assert ranks.found == {**{pool_id: depths[pool_id] for pool_id in first}, first[3]: 2**63 - 1}


def test_the_loop_gives_a_bounded_piece_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two pieces others have their turn, and each pool is of one moment."""
    monkeypatch.setattr(warm_start_module, "_PIECE_ACCOUNTS", 1)
    golden = golden_market()
    keeper = warm_start(tmp_path, golden.held.market, golden.held.clock)
    turn_count = 0

    async def count_turns() -> None:
        nonlocal turn_count
        while True:
            turn_count += 1
            await asyncio.sleep(0)

    async def write() -> None:
        await keeper.restore()
        turns = asyncio.create_task(count_turns())
        await asyncio.sleep(0)
        before = turn_count
        await keeper.write()
        turns.cancel()
        assert turn_count - before >= len(GOLDEN_POOLS)

    asyncio.run(write())
    assert len(restarted(tmp_path, golden).market.store) == len(GOLDEN_POOLS)


def test_a_file_that_others_may_change_is_set_aside(tmp_path: Path) -> None:
    golden = golden_market()
    path = tmp_path / WARM_FILE_NAME
    for mode in (0o602, 0o620):
        kept(tmp_path, golden)
        path.chmod(mode)
        assert "others may change it" in refusal_of(tmp_path, golden)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_user_s_file_is_set_aside(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    os.chown(tmp_path / WARM_FILE_NAME, 65_534, -1)
    assert "is user 65534's" in refusal_of(tmp_path, golden)


def test_what_is_no_file_or_too_large_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = golden_market()
    path = tmp_path / WARM_FILE_NAME
    kept(tmp_path, golden)
    elsewhere = path.rename(tmp_path / "elsewhere")
    path.symlink_to(elsewhere)
    assert refusal_of(tmp_path, golden) == "is no file"
    os.mkfifo(path)
    assert refusal_of(tmp_path, golden) == "is no file"
    kept(tmp_path, golden)
    monkeypatch.setattr(warm_start_module, "_FILE_BYTES_MAX", path.stat().st_size - 1)
    assert "bytes, at most" in refusal_of(tmp_path, golden)


def test_pools_that_no_room_is_left_for_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_start_module, "_PIECE_ACCOUNTS", 1)
    monkeypatch.setattr(warm_start_module, "_FILE_BYTES_MAX", warm_start_module._PIECE_BYTES + 1)
    golden = golden_market()
    kept(tmp_path, golden)
    monkeypatch.undo()
    after = restarted(tmp_path, golden)
    assert [entry.pool.address for entry in after.market.store] == [next(iter(GOLDEN_POOLS.values()))]


def test_a_disk_that_is_full_half_way_leaves_what_was_kept_before(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    path = tmp_path / WARM_FILE_NAME
    content = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    keeper = warm_start(tmp_path, golden.held.market, golden.held.clock)
    asyncio.run(keeper.restore())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) // 2, hard))
    try:
        asyncio.run(keeper.write())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert keeper.counts.write_failed_count == 1
    assert "too large" in keeper.counts.fault
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == content


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    running, killed = (tmp_path / f"{WARM_FILE_NAME}.{pid}" for pid in (os.getpid(), 2**30))
    running.write_bytes(b"")
    killed.write_bytes(b"half")
    restarted(tmp_path, golden)
    assert set(tmp_path.iterdir()) == {tmp_path / WARM_FILE_NAME, running}


def test_a_writing_that_is_stopped_leaves_what_was_kept_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden = golden_market()
    kept(tmp_path, golden)
    content = (tmp_path / WARM_FILE_NAME).read_bytes()
    keeper = warm_start(tmp_path, golden.held.market, golden.held.clock)
    begun, let_go = threading.Event(), threading.Event()
    write_piece = warm_start_module._write_piece

    def held_up(replacement: Replacement, piece: Callable[[], bytes]) -> int:
        begun.set()
        assert let_go.wait(60)
        return write_piece(replacement, piece)

    async def stopped() -> None:
        await keeper.restore()
        writing = asyncio.create_task(keeper.write())
        await asyncio.to_thread(begun.wait, 60)
        writing.cancel()
        await asyncio.sleep(0)
        assert not writing.done()  # the thread has the file still
        let_go.set()
        with pytest.raises(asyncio.CancelledError):
            await writing

    monkeypatch.setattr(warm_start_module, "_write_piece", held_up)
    asyncio.run(stopped())
    assert [path.name for path in tmp_path.iterdir()] == [WARM_FILE_NAME]
    assert (tmp_path / WARM_FILE_NAME).read_bytes() == content
