"""A service that leaks is found; one whose memory only goes up and down is not."""

import mmap
import os
import subprocess
import sys
from random import Random

import pytest
from hostile.memory import GROWTH_BYTES_MAX, LATER_GROWTH_BYTES_MAX, MIB, MemoryLedger, resident_bytes

WARM = 95 * MIB
FAULT_COUNT = 50


def test_memory_that_rises_with_what_is_met_first_and_then_goes_up_and_down_is_flat():
    random = Random(1)
    first = [WARM + min(number, 8) * MIB for number in range(FAULT_COUNT)]
    later = [WARM + 8 * MIB + random.randint(-3, 3) * MIB for _ in range(FAULT_COUNT)]
    assert MemoryLedger(WARM, first, later).problems == []


@pytest.mark.parametrize("leak_bytes", [512 << 10, MIB])
def test_a_leak_with_each_fault_is_found_in_one_round(leak_bytes: int):
    first = [WARM + number * leak_bytes for number in range(1, FAULT_COUNT + 1)]
    (problem,) = MemoryLedger(WARM, first).problems
    assert "over the start" in problem


def test_a_leak_too_small_for_one_round_is_found_in_the_next():
    leak_bytes = LATER_GROWTH_BYTES_MAX // FAULT_COUNT + 1
    first, later = ([WARM + number * leak_bytes for number in of] for of in (range(50), range(50, 100)))
    (problem,) = MemoryLedger(WARM, first, later).problems
    assert "over the first round" in problem


def test_what_one_fault_alone_leaves_behind_is_found():
    first = [WARM] * FAULT_COUNT
    first[20:] = [WARM + GROWTH_BYTES_MAX + 1] * (FAULT_COUNT - 20)
    assert MemoryLedger(WARM, first).problems


def test_nothing_measured_is_no_growth():
    assert MemoryLedger().problems == []


def test_what_another_process_takes_and_keeps_is_seen():
    command = "import sys; input(); taken = bytearray(b'1') * (32 << 20); print(len(taken), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n" * 1)
        process.stdin.flush()
        process.stdout.readline()
        after = resident_bytes(process.pid)
        process.communicate(b"\n")
    assert after > 32 * MIB


def test_pages_of_this_process_are_counted_and_given_back():
    before = resident_bytes(os.getpid())
    with mmap.mmap(-1, 64 * MIB) as pages:
        pages.write(b"1" * (64 * MIB))
        assert resident_bytes(os.getpid()) - before > 60 * MIB
    assert resident_bytes(os.getpid()) - before < 60 * MIB


def test_a_process_that_is_none_has_no_memory():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert resident_bytes(process.pid) == 0
