"""Short versions of the proofs in tests/prove; `python tests/prove` runs the long ones."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prove import disassembly, gapping, killing, lapping, racing, stopping, stressing
from prove.build import COMPILER, has_thread_sanitizer

import shm.handle
from shm import CONTRACT, Busy, ChangeKind, HandleState, QuoteReader, TableCounts

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which(COMPILER) is None, reason="needs a C compiler"),
]

STRESS_S_MAX = 4.0
ACCEPTED = 20_000_000
"""So many reads show each rule's want at several patterns and rates (`stressing.MUTANTS`), in a second or less where
nothing else runs; where others have the processor, the time ends it."""
TORN_S_MAX = 60.0
"""Only a rule that nothing needs takes so long; the others need a fraction of a second, on a busy machine some."""
GAP_S = 2.0
BUSY_CPU_NS_MAX = 5_000_000
SIZED = TableCounts(20_000, 4_096)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "table"
    path.mkdir(mode=0o750)
    return path


@pytest.mark.parametrize("pattern", stressing.PATTERNS)
@pytest.mark.parametrize("writes_per_s", stressing.RATES)
def test_no_accepted_read_is_torn(pattern: str, writes_per_s: int) -> None:
    tally = stressing.stress(pattern, writes_per_s=writes_per_s, accepted=ACCEPTED, seconds=STRESS_S_MAX)
    assert tally.torn == 0
    assert tally.accepted > 100_000
    assert tally.written > 0


@pytest.mark.parametrize("pattern", stressing.PATTERNS)
def test_no_accepted_read_of_a_table_of_other_counts_is_torn(pattern: str) -> None:
    tally = stressing.stress(
        pattern, writes_per_s=stressing.UNBOUNDED, accepted=ACCEPTED, seconds=STRESS_S_MAX, counts=SIZED
    )
    assert tally.torn == 0
    assert tally.accepted > 100_000
    assert tally.written > SIZED.entries


@pytest.mark.parametrize("rule", stressing.MUTANTS)
def test_without_one_of_its_rules_a_read_is_torn(rule: str) -> None:
    tally = stressing.stress_without(rule, seconds=TORN_S_MAX)
    assert tally.torn > 0, tally


@pytest.mark.parametrize("counts", [CONTRACT, SIZED], ids=["layout", "sized"])
def test_sanitizer_is_silent_on_the_protocol_and_loud_on_plain_copies(counts: TableCounts) -> None:
    if not has_thread_sanitizer():
        pytest.skip("the compiler has no thread sanitizer")
    silent = racing.race("SQ_NO_FENCES", counts)
    assert (silent.returncode, silent.stderr) == (0, "")
    assert "WARNING: ThreadSanitizer: data race" in racing.race("SQ_PLAIN_COPIES", counts).stderr


@pytest.mark.parametrize("told", lapping.TOLD)
@pytest.mark.parametrize(("counts", "laps"), lapping.CASES)
def test_a_reader_lapped_after_any_of_its_loads_is_told_everything(counts: TableCounts, laps: int, told: str) -> None:
    result = lapping.lapped(lapping.reader(counts), laps, told)
    assert (result.returncode, result.stderr) == (0, "")
    assert int(result.stdout) > lapping.CHANGED


@pytest.mark.parametrize("counts", lapping.SIZES)
@pytest.mark.parametrize("rule", lapping.MUTANTS)
def test_a_poll_without_one_of_its_rules_loses_changes(rule: str, counts: TableCounts) -> None:
    assert lapping.loses_changes(rule, counts)


@pytest.mark.parametrize("counts", [CONTRACT, SIZED], ids=["layout", "sized"])
def test_a_reader_with_room_for_half_an_entry_shows_no_pair_with_anothers_amounts(counts: TableCounts) -> None:
    shown = gapping.shown(GAP_S, counts)
    assert shown.foreign_count == 0
    assert shown.pair_count > 10


@pytest.mark.parametrize("action", gapping.GIVEN_AWAY)
def test_a_handle_whose_entry_was_given_away_between_its_reads_tells_nothing(directory: Path, action: str) -> None:
    assert gapping.told_by_handle(directory, action) == (HandleState.BUSY, None)


@pytest.mark.parametrize("action", gapping.GIVEN_AWAY)
def test_a_handle_of_a_table_of_other_counts_tells_nothing_then_either(directory: Path, action: str) -> None:
    assert gapping.told_by_handle(directory, action, SIZED) == (HandleState.BUSY, None)


def test_a_handle_whose_entry_is_busy_tells_the_last_it_read_of_its_own(directory: Path) -> None:
    state, quote = gapping.told_by_handle(directory, gapping.OWN)
    assert quote is not None
    assert (state, quote.input_amount, quote.output_amount) == (HandleState.BUSY, 1, stopping.BEFORE + 1)


@pytest.mark.parametrize("counts", [CONTRACT, SIZED], ids=["layout", "sized"])
@pytest.mark.parametrize("action", stopping.ACTIONS)
def test_crash_after_each_store_is_recovered(directory: Path, action: str, counts: TableCounts) -> None:
    crashes = list(stopping.crashes(directory, action, counts))
    assert [crash for crash in crashes if crash.problems] == []
    assert [crash.after_stores for crash in crashes] == list(range(1, len(crashes) + 1))
    assert any(crash.was_odd for crash in crashes)
    assert not all(crash.was_odd for crash in crashes)


@pytest.mark.parametrize("counts", [CONTRACT, SIZED], ids=["layout", "sized"])
def test_killed_recovery_is_recovered(directory: Path, counts: TableCounts) -> None:
    crashes = list(stopping.crashed_recoveries(directory, counts))
    assert [crash for crash in crashes if crash.problems] == []
    assert len(crashes) > 10


def test_kills_at_random_leave_nothing_torn_or_odd() -> None:
    # A process of its own: it forks.
    command = [sys.executable, str(Path(killing.__file__).parent), "kill", "--kills", "150"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("kills=150") == 2  # of each size


@pytest.fixture
def stopped(directory: Path) -> Iterator[tuple[QuoteReader, subprocess.Popen[bytes]]]:
    """A writer stopped while entry 0 is odd."""
    path = stopping.new_table(directory)
    with QuoteReader.open(directory) as quotes, stopping.stopped(path) as process:
        yield quotes, process


def test_writer_stopped_in_mid_write_makes_reads_busy_within_their_bound(
    stopped: tuple[QuoteReader, subprocess.Popen[bytes]],
) -> None:
    quotes, process = stopped
    start_ns = time.thread_time_ns()
    with pytest.raises(Busy, match="try again later"):
        quotes.view(0)
    assert time.thread_time_ns() - start_ns < BUSY_CPU_NS_MAX
    assert quotes.busy_count == 1
    assert quotes.quote(1).output_amount == stopping.BEFORE
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 0
    assert quotes.quote(0).output_amount == stopping.BEFORE + 1


def test_a_change_in_mid_write_has_no_values_and_is_told_again_with_everything(
    stopped: tuple[QuoteReader, subprocess.Popen[bytes]],
) -> None:
    quotes, process = stopped
    busy, whole = quotes.poll_changes()
    assert (busy.index, busy.kinds, busy.has_values) == (0, ChangeKind.EVERYTHING, False)
    with pytest.raises(Busy):
        _ = busy.output_amount
    assert (whole.index, whole.output_amount) == (1, stopping.BEFORE)
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 0
    again = quotes.poll_changes()
    assert [(change.index, change.kinds, change.output_amount) for change in again] == [
        (0, ChangeKind.EVERYTHING, stopping.BEFORE + 1)
    ]


def test_handle_and_snapshot_keep_the_last_good_copy_of_a_busy_entry(directory: Path) -> None:
    path = stopping.new_table(directory)
    with QuoteReader.open(directory) as quotes:
        handle = quotes.handle(stopping.A, stopping.B, 1)
        handle.refresh()
        quotes.snapshot()
        with stopping.stopped(path) as process:
            assert not handle
            assert (handle.state, handle.output_amount) == (HandleState.BUSY, stopping.BEFORE)
            row = quotes.snapshot()[0]
            assert (row["output_amount"], row["flags"] & 2) == (stopping.BEFORE, 2)
            process.send_signal(signal.SIGCONT)
            assert process.wait(60) == 0
        assert quotes.snapshot()["output_amount"][0] == stopping.BEFORE + 1


@pytest.mark.skipif(shutil.which("objdump") is None, reason="needs objdump")
def test_handle_copies_by_eight_byte_moves_without_a_call() -> None:
    if subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip() != "x86_64":
        pytest.skip("reads x86-64 assembly")
    look = disassembly.exported(Path(shm.handle.__file__), "__pyx_f_3shm_6handle_6Handle_look")
    assert not [line for line in look if "xmm" in line or "ymm" in line or line.startswith(("rep ", "movs"))]
    called = {line.rsplit("<", 1)[1].rstrip(">") for line in look if line.startswith("call")}
    assert not [name for name in called if "mem" in name], called
    for word in range(1, 8):
        assert any(re.fullmatch(rf"mov 0x{8 * word:x}\(%r\w+\),%r\w+", line) for line in look), look


@pytest.mark.skipif(shutil.which(disassembly.ARM_COMPILER) is None, reason="needs a cross compiler")
def test_arm_code_has_the_barriers() -> None:
    functions = disassembly.assembly(disassembly.ARM_COMPILER)
    read, publish = functions["read_hot_line"], functions["publish"]
    assert sum(line.startswith("ldar ") for line in read) == 1
    loads = [position for position, line in enumerate(read) if line.startswith("ldr x")]
    assert len(loads) == 8
    assert loads[6] < read.index("dmb ishld") < loads[7]
    assert publish.count("dmb ish") == 3  # after the odd mark of the hot line, of the whole entry, and of the slot
    assert sum(line.startswith("stlr ") for line in publish) == 4  # hot line, whole entry, slot, head
