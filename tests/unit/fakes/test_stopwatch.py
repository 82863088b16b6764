import os
import time
from pathlib import Path

import pytest
from fakes import stopwatch
from fakes.stopwatch import BUSY_FACTOR_MAX, Stopwatch


class Machine:
    """Its clock, and what its kernel tells."""

    def __init__(self, pressure: Path) -> None:
        self.mono_s = 100.0
        self.pressure = pressure
        self.waits(0)

    def monotonic(self) -> float:
        return self.mono_s

    def waits(self, total_us: int) -> None:
        self.pressure.write_text(f"some avg10=1.50 avg60=0.00 avg300=0.00 total={total_us}\nfull total=0\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine(tmp_path / "cpu")
    monkeypatch.setattr(stopwatch, "time", machine)
    monkeypatch.setattr(stopwatch, "PRESSURE", machine.pressure)
    return machine


def test_time_in_which_somebody_waited_for_a_processor_does_not_count(machine: Machine) -> None:
    watch = Stopwatch()
    machine.mono_s += 10.0
    assert watch.elapsed_s == 10.0
    machine.waits(4_000_000)
    assert watch.elapsed_s == 6.0


def test_however_busy_the_machine_some_of_it_counts(machine: Machine) -> None:
    watch = Stopwatch()
    machine.mono_s += 10.0
    machine.waits(10_000_000)
    assert watch.elapsed_s == 10.0 / BUSY_FACTOR_MAX


def test_all_of_it_counts_where_the_kernel_does_not_tell(machine: Machine) -> None:
    machine.pressure.unlink()
    watch = Stopwatch()
    machine.mono_s += 10.0
    assert watch.elapsed_s == 10.0


def test_what_the_judged_process_has_computed_itself_counts_however_busy_the_machine(machine: Machine) -> None:
    watch, others = Stopwatch(os.getpid()), Stopwatch()
    until_s = time.process_time() + 0.2
    while time.process_time() < until_s:
        pass
    machine.mono_s += 1.0
    machine.waits(1_000_000)
    assert 0.1 <= watch.elapsed_s < 1.0
    assert others.elapsed_s == 1.0 / BUSY_FACTOR_MAX
