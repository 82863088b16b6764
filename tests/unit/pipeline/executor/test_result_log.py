"""The log of endings: what it owes outlasts a kill at any byte, and no two executors write the same."""

import os
import stat
from pathlib import Path

import pytest
from fakes.results import result

from pipeline.executor import result_log
from pipeline.executor.result_log import ResultLog
from quote_core.errors import ProviderUnavailable


def log_file(folder: Path, number: int = 0) -> Path:
    return folder / f"results-{number}.log"


def test_an_ending_is_owed_until_it_is_struck_out(tmp_path: Path) -> None:
    with ResultLog(tmp_path) as log:
        log.keep(result(1, number=1))
        log.keep(result(2, number=2))
        log.strike_out(result(number=1).plan_id)
        assert log.owed == (result(2, number=2),)
    with ResultLog(tmp_path) as again:
        assert again.owed == (result(2, number=2),)
        assert again.of_plan(result(number=2).plan_id) == result(2, number=2)


def test_a_kill_at_any_byte_of_a_write_loses_nothing_written_before_it(tmp_path: Path) -> None:
    with ResultLog(tmp_path / "whole") as log:
        log.keep(result(1, number=1))
        first_bytes = log_file(tmp_path / "whole").stat().st_size
        log.keep(result(2, number=2))
    data = log_file(tmp_path / "whole").read_bytes()
    for size in range(first_bytes, len(data), 7):
        folder = tmp_path / f"cut {size}"
        folder.mkdir()
        log_file(folder).write_bytes(data[:size])
        with ResultLog(folder) as log:
            assert log.owed == (result(1, number=1),)
            assert log_file(folder).with_suffix(".damaged").exists() == (size > first_bytes)
            log.keep(result(3, number=3))
        with ResultLog(folder) as log:
            assert log.owed == (result(1, number=1), result(3, number=3))


def test_a_changed_byte_is_noticed_and_the_file_is_kept(tmp_path: Path) -> None:
    with ResultLog(tmp_path) as log:
        log.keep(result(1, number=1))
    data = bytearray(log_file(tmp_path).read_bytes())
    data[40] ^= 1
    log_file(tmp_path).write_bytes(data)
    with ResultLog(tmp_path) as log:
        assert log.owed == ()
    assert log_file(tmp_path).with_suffix(".damaged").read_bytes() == bytes(data)


def test_two_living_executors_have_a_log_each_and_the_dead_ones_is_taken_over(tmp_path: Path) -> None:
    with ResultLog(tmp_path) as one:
        with ResultLog(tmp_path) as other:
            other.keep(result(2, number=2))
            one.take_over()
            assert one.owed == ()
        one.take_over()
        assert one.owed == (result(2, number=2),)
        assert not log_file(tmp_path, 1).exists()
    with ResultLog(tmp_path) as again:
        assert again.owed == (result(2, number=2),)


def test_a_log_that_has_grown_is_written_anew_with_what_is_owed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_log, "LOG_BYTES_MAX", 10_000)
    with ResultLog(tmp_path) as log:
        log.keep(result(7, number=7))
        for number in range(100, 300):
            log.keep(result(number=number))
            log.strike_out(result(number=number).plan_id)
            assert log_file(tmp_path).stat().st_size <= 10_000
    with ResultLog(tmp_path) as log:
        assert log.owed == (result(7, number=7),)


def test_an_executor_that_owes_too_much_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_log, "OWED_COUNT_MAX", 2)
    with ResultLog(tmp_path) as log:
        log.keep(result(number=1))
        assert not log.is_full
        log.keep(result(number=2))
        assert log.is_full


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "executor"
    with ResultLog(folder) as log:
        log.keep(result())
        modes = [stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()]
    assert modes == [0o600] * 2
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_keeps_an_executor_from_starting(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ProviderUnavailable, match="endings cannot be kept"), ResultLog(tmp_path):
        pass
