"""What the manager's rules know after a restart, a restatement and a release, against a real server."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.pipeline_events import health_report
from fakes.results import result
from fakes.running_manager import DELIVERED, latch_in, running_manager
from fakes.waiting import eventually

from pipeline.initializer.repair import repair
from pipeline.initializer.streams import STREAMS
from pipeline.system_manager.change import MANUAL, SwitchChange
from pipeline.system_manager.checkpoint import CheckpointFile
from pipeline.system_manager.manager import Manager, StillTriggering
from pipeline.system_manager.settings import SystemManagerSettings
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import (
    KILL_SWITCH_HEARTBEAT,
    Event,
    KillSwitch,
    Outcome,
    ServiceHealth,
    Stream,
    TradingState,
)
from quote_core.settings import PlatformSettings

pytestmark = pytest.mark.integration
ACTIVE, HALTED = TradingState.ACTIVE, TradingState.HALTED
CAPITAL_LAMPORTS = PlatformSettings().trading_capital_lamports
DAILY_LOSS_LAMPORTS = DELIVERED.daily_loss_max_lamports


async def traded(bus: Bus, *profits_lamports: int, outcome: Outcome = Outcome.FILLED, first_number: int = 0) -> None:
    for number, profit_lamports in enumerate(profits_lamports, first_number):
        now_unix_ns = SYSTEM_CLOCK.unix_ns()
        await bus.publish(result(profit_lamports, number=number, outcome=outcome, finished_unix_ns=now_unix_ns))


def held_state(manager: Manager) -> TradingState | None:
    return manager.held.state if manager.held is not None else None


@pytest.mark.parametrize(
    ("profits_lamports", "outcome", "rule"),
    [
        ([0] * 20, Outcome.FAILED, "failed_trades"),
        ([-DAILY_LOSS_LAMPORTS // 2] * 3, Outcome.FILLED, "daily_loss"),
        ([CAPITAL_LAMPORTS, -CAPITAL_LAMPORTS // 2], Outcome.FILLED, "drawdown"),
    ],
)
async def test_a_manager_that_starts_again_judges_what_was_traded_before_and_vouches_only_then(
    bus: Bus, tmp_path: Path, profits_lamports: list[int], outcome: Outcome, rule: str
) -> None:
    await latch_in(bus, tmp_path).look()  # the first start: ACTIVE is latched, and what follows is traded after it
    await traded(bus, *profits_lamports, outcome=outcome)
    vouched: list[Event] = []
    await bus.listen(KILL_SWITCH_HEARTBEAT, vouched.append)
    async with running_manager(bus, tmp_path) as manager:
        await eventually(lambda: bool(vouched))
        assert manager.held is not None
        assert (manager.held.state, manager.held.trigger, manager.held.actor) == (HALTED, rule, f"rule {rule}")
    assert {event.state for event in vouched if isinstance(event, KillSwitch)} == {HALTED}


async def test_without_the_results_of_before_nothing_is_vouched_for(bus: Bus, tmp_path: Path) -> None:
    await bus.jetstream.delete_stream(Stream.EXECUTED)
    vouched: list[Event] = []
    await bus.listen(KILL_SWITCH_HEARTBEAT, vouched.append)
    async with running_manager(bus, tmp_path) as manager:
        await eventually(lambda: "EXECUTED" in manager.finding)
        assert not vouched
        await repair(bus, STREAMS)
        await eventually(lambda: bool(vouched) and not manager.finding)


async def test_a_state_that_is_written_again_keeps_the_peak(bus: Bus, tmp_path: Path) -> None:
    """Two falls, each within the limit, with the state written again between them; a day's loss trips nothing here."""
    settings = SystemManagerSettings(daily_loss_max_lamports=10 * CAPITAL_LAMPORTS)
    fall_lamports = int(0.7 * settings.drawdown_max * 2 * CAPITAL_LAMPORTS)
    async with running_manager(bus, tmp_path, restate_after_ns=100_000_000, settings=settings) as manager:
        await eventually(lambda: not manager.finding)
        for number, profit_lamports in enumerate((CAPITAL_LAMPORTS, -fall_lamports)):
            await traded(bus, profit_lamports, first_number=number)
            await eventually(lambda count=number + 1: manager.results_read_count == count)
            assert manager.held is not None
            revision = manager.held.revision
            await eventually(lambda seen=revision: manager.held is not None and manager.held.revision > seen + 1)
        assert held_state(manager) is ACTIVE
        await traded(bus, -fall_lamports, first_number=2)
        await eventually(lambda: held_state(manager) is HALTED)
        assert manager.held is not None
        assert manager.held.trigger == "drawdown"


def failing_service() -> ServiceHealth:
    return health_report(handled_count=100, error_count=100)


async def test_a_report_of_before_a_release_does_not_count_after_a_restart(bus: Bus, tmp_path: Path) -> None:
    async with running_manager(bus, tmp_path) as manager:
        await eventually(lambda: not manager.finding)
        await bus.publish(failing_service())
        await eventually(lambda: held_state(manager) is HALTED)
        await manager.change(SwitchChange(ACTIVE, MANUAL, "mended", "tester"), forced=["error_rate"])
    async with running_manager(bus, tmp_path) as manager:
        await eventually(lambda: not manager.finding)
        await bus.publish(replace(failing_service(), service="later", slot_drift=10**6))
        await eventually(lambda: held_state(manager) is HALTED)
        assert manager.held is not None
        assert manager.held.trigger == "slot_drift"  # the later report, not the one seen before the release


RELEASE = SwitchChange(ACTIVE, MANUAL, "seen", "tester")


async def test_a_release_waits_until_each_rule_that_triggers_is_clear_or_named_also_after_restarts(
    bus: Bus, tmp_path: Path
) -> None:
    async with running_manager(bus, tmp_path) as manager:
        await eventually(lambda: not manager.finding)
        await traded(bus, -DAILY_LOSS_LAMPORTS)
        await eventually(lambda: held_state(manager) is HALTED)
        with pytest.raises(StillTriggering, match="daily_loss"):
            await manager.change(RELEASE)
    async with running_manager(bus, tmp_path) as manager:
        await eventually(lambda: not manager.finding)
        await bus.publish(replace(failing_service(), slot_drift=10**6))
        await eventually(lambda: len(manager.triggering()) > 1)
        for forced, left in (((), {"daily_loss", "slot_drift", "error_rate"}), (("daily_loss",), {"slot_drift"})):
            with pytest.raises(StillTriggering) as refused:
                await manager.change(RELEASE, forced=forced)
            assert {trip.rule for trip in refused.value.trips} >= left
        assert held_state(manager) is HALTED
        await bus.publish(health_report())
        await eventually(lambda: [trip.rule for trip in manager.triggering()] == ["daily_loss", "error_rate"])
        released = await manager.change(RELEASE, forced=["daily_loss", "error_rate", "memory"])
        assert (released.state, released.actor) == (ACTIVE, "tester")
        assert released.reason == "forced daily_loss, error_rate: seen"
        assert manager.triggering() == ()
    async with running_manager(bus, tmp_path) as manager:
        await eventually(lambda: not manager.finding)
        assert held_state(manager) is ACTIVE, "what was forced is seen"


async def started_reads(bus: Bus, folder: Path) -> tuple[int, TradingState | None]:
    """How many results a manager reads at its start before it vouches, and what it holds then."""
    async with running_manager(bus, folder) as manager:
        await eventually(lambda: not manager.finding)
        await eventually((folder / "checkpoint").exists)
        return manager.results_read_count, held_state(manager)


async def test_a_start_reads_only_what_came_since_the_checkpoint(bus: Bus, tmp_path: Path) -> None:
    await latch_in(bus, tmp_path).look()
    await traded(bus, *[1_000] * 300)
    assert await started_reads(bus, tmp_path) == (300, ACTIVE)
    await traded(bus, 1_000, 1_000, first_number=300)
    assert await started_reads(bus, tmp_path) == (2, ACTIVE)
    assert (tmp_path / "checkpoint").stat().st_mode & 0o777 == 0o600


async def test_what_was_lost_before_the_checkpoint_is_added_to_what_is_lost_after_it(bus: Bus, tmp_path: Path) -> None:
    await latch_in(bus, tmp_path).look()
    await traded(bus, -DAILY_LOSS_LAMPORTS + 1)
    assert await started_reads(bus, tmp_path) == (1, ACTIVE)
    await traded(bus, -1, first_number=1)
    assert await started_reads(bus, tmp_path) == (1, HALTED)


async def test_a_checkpoint_of_a_stream_that_was_made_anew_is_refused(bus: Bus, tmp_path: Path) -> None:
    await latch_in(bus, tmp_path).look()
    await traded(bus, *[0] * 5)
    assert await started_reads(bus, tmp_path) == (5, ACTIVE)
    await bus.jetstream.delete_stream(Stream.EXECUTED)
    await repair(bus, STREAMS)
    await traded(bus, *[0] * 20, outcome=Outcome.FAILED)
    assert await started_reads(bus, tmp_path) == (20, HALTED)


async def test_a_checkpoint_of_results_that_the_stream_lost_is_refused(bus: Bus, tmp_path: Path) -> None:
    """As after a power failure: the stream's end is gone, and other results have its sequences."""
    await latch_in(bus, tmp_path).look()
    await traded(bus, *[1_000] * 5)
    assert await started_reads(bus, tmp_path) == (5, ACTIVE)
    file = CheckpointFile(tmp_path / "checkpoint")
    kept = file.load()
    assert kept is not None
    for other in (
        replace(kept, event_id=bytes(16).hex()),
        replace(kept, place=replace(kept.place, sequence=6)),
        replace(kept, place=replace(kept.place, created="2020-01-01T00:00:00+00:00")),
    ):
        assert file.save(other)
        assert await started_reads(bus, tmp_path) == (5, ACTIVE)


async def test_a_checkpoint_behind_which_results_may_be_gone_is_refused(bus: Bus, tmp_path: Path) -> None:
    await latch_in(bus, tmp_path).look()
    await traded(bus, *[1_000] * 5)
    assert await started_reads(bus, tmp_path) == (5, ACTIVE)
    await traded(bus, *[1_000] * 5, first_number=5)
    await bus.jetstream.purge_stream(Stream.EXECUTED, seq=8)
    assert await started_reads(bus, tmp_path) == (3, ACTIVE)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.chmod(0o644), id="others may read it"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-20]), id="cut off"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes().replace(b":5", b":6", 1)), id="changed"),
        pytest.param(lambda path: path.write_bytes(b"x" * 10**6), id="too long"),
        pytest.param(lambda path: (path.unlink(), path.mkdir()), id="a folder"),
        pytest.param(lambda path: (path.unlink(), os.mkfifo(path)), id="a pipe"),
    ],
)
async def test_a_spoilt_checkpoint_costs_time_and_nothing_else(
    bus: Bus, tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    await latch_in(bus, tmp_path).look()
    await traded(bus, *[1_000] * 5)
    assert await started_reads(bus, tmp_path) == (5, ACTIVE)
    spoil(tmp_path / "checkpoint")
    assert await started_reads(bus, tmp_path) == (5, ACTIVE)
