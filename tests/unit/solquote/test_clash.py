"""A clash leads out: which process to end, and with which line to run beside it."""

import os
import signal
import subprocess
from pathlib import Path

from solquote.clash import folder_clash, port_clash
from solquote.supervisor.lock import take_data_folder
from solquote.supervisor.ports import Holder, PortTaken, to_end

OTHER = PortTaken(8080, "aggregator", Holder(1, "init"))


def test_the_holder_and_the_ways_out_are_told(tmp_path: Path) -> None:
    assert port_clash([OTHER], tmp_path).splitlines() == [
        "port 8080 of aggregator held by process 1: init",
        "to end what is in the way, type: kill 1",
        "to run beside it, type: solquote up --free-ports",
        "or set other ports: docs/settings.md names them all",
    ]


def test_nobody_is_to_be_ended_who_cannot_be_named(tmp_path: Path) -> None:
    assert "kill" not in port_clash([PortTaken(8080, "aggregator", None)], tmp_path)


def test_a_platform_in_the_same_folder_is_run_beside_in_another(tmp_path: Path) -> None:
    folder, second = tmp_path / "my data", tmp_path / "my data-2"
    with take_data_folder(folder, {}), take_data_folder(second, {}):
        line = f"to run beside it, type: solquote up --free-ports --data-dir '{folder}-3'"
        assert line in port_clash([OTHER], folder).splitlines()
        assert folder_clash("it is taken", 7, folder).splitlines() == [
            "it is taken",
            "to end what is in the way, type: kill 7",
            line,
        ]


def test_of_a_supervised_process_it_is_the_supervisor_that_has_to_end() -> None:
    line = ["sh", "-c", "sleep 600 & echo $!; wait", "solquote", "up"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        child = int(supervisor.stdout.readline())
        try:
            assert to_end(Holder(child, "sleep 600")) == supervisor.pid
        finally:
            os.kill(child, signal.SIGKILL)
    assert to_end(Holder(child, "sleep 600")) == child, "one that has gone is told as itself"
