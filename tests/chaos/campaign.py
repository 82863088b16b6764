"""Runs the whole platform through drawn faults, then lets it calm down and reads what its journal says.

One thread and an agenda: what was begun (a pause, a full disk, a halt) is ended when it is due, whatever else is done
meanwhile. The platform is `solquote up` as an operator starts it, on a market four times as fast as a chain's and with
thresholds low enough for some plans a second.
"""

import contextlib
import heapq
import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from typing import Any, Final

from chaos.actions import Action, ClockStep, DiskFull, Halt, Kill, Pause, draw
from chaos.evidence import ClockSpan, Evidence, HaltSpan, Sums, findings
from fakes.running_platform import PROCESS_NAMES, RunningPlatform, solquote
from fakes.wall_clock import WallClocks

from pipeline.system_manager.limits import RULE_NAMES

__all__ = ["Outcome", "run_chaos"]

NATS: Final = "nats_server"
UP_S: Final = 120.0
HEALTHY_AGAIN_S: Final = 60.0
"""After the last fault everything is healthy within this."""
SETTLED_S: Final = 90.0
"""And every plan concluded, every sum told, within this."""
LOOK_EVERY_S: Final = 10.0
COMMAND_TRIES_S: Final = 60.0
SWITCH_S: Final = 10.0
FREE_BYTES: Final = 16 << 30
"""Of the data folder's memory file system while it is not full: a limit, not memory taken. Streams reserve theirs."""
ENVIRON: Final = {
    "SOLQUOTE_RECORDED_MARKET_SLOT_TIME": "100ms",
    "SOLQUOTE_SCANNER_GROSS_PROFIT_BPS_MIN": "10",
    "SOLQUOTE_PLANNER_GROSS_PROFIT_BPS_MIN": "10",
    "SOLQUOTE_PLANNER_NET_PROFIT_BPS_MIN": "1",
    "SOLQUOTE_EXECUTOR_POOL_REST": "0ms",
    "SOLQUOTE_EXECUTOR_TRADES_PER_MINUTE_MAX": "6000",
    "SOLQUOTE_EXECUTOR_IN_FLIGHT_MAX": "5s",
    "SOLQUOTE_EXECUTOR_PAPER_NAIVE": "true",
    "SOLQUOTE_RUN_ID": "chaos",
}


@dataclass(slots=True)
class Outcome:
    """What was done and found."""

    done: Counter[str] = field(default_factory=Counter)
    findings: list[str] = field(default_factory=list)
    plan_count: int = 0
    sums: Sums = field(default_factory=Sums)
    halt_count: int = 0
    healthy_again_s: float = 0.0
    settled_s: float = 0.0
    log: list[str] = field(default_factory=list)

    def report(self) -> str:
        """For people."""
        done = ", ".join(f"{count} {name}" for name, count in sorted(self.done.items()))
        lines = [
            f"done: {done}",
            f"{self.plan_count} plans; {self.sums}; {self.halt_count} acknowledged halts",
            f"healthy again after {self.healthy_again_s:.1f} s, settled after {self.settled_s:.1f} s",
            *(self.log if self.findings else []),
            *(f"BROKEN: {finding}" for finding in self.findings),
        ]
        return "\n".join(lines)


def run_chaos(folder: Path, *, seconds: float, seed: int, with_disk: bool, keep: Path | None) -> Outcome:
    """Run it all in `folder`; with `with_disk` this process must be in a mount namespace of its own.

    Journal and logs are copied to `keep` in the end.
    """
    disk = _Disk(folder / "data") if with_disk else None
    clocks = _Clocks(folder)
    data_dir = folder / "data"
    data_dir.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        if disk is not None:
            disk.mount()
            stack.callback(disk.unmount)
        platform = RunningPlatform(data_dir, environ=ENVIRON | clocks.environ)
        stack.callback(platform.end)
        platform.until(lambda: _all_healthy(platform), seconds=UP_S)
        chaos = _Chaos(platform, data_dir, clocks, disk, Random(f"chaos/{seed}"))
        try:
            chaos.rage(seconds)
            chaos.calm()
        finally:
            chaos.mend()
            if keep is not None:
                shutil.copytree(data_dir, keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("nats"))
        return chaos.outcome


def _all_healthy(platform: RunningPlatform) -> bool:
    return all(platform.view(name).get("state") == "healthy" for name in PROCESS_NAMES)


class _Disk:
    """The data folder as a memory file system whose size is set to what is used when it is to be full."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def mount(self) -> None:
        self._path.mkdir(exist_ok=True)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={FREE_BYTES},mode=0700", "tmpfs", str(self._path)], check=True
        )

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self._path)], check=True)

    def fill(self) -> None:
        """No byte more; whoever writes between the look and the deed makes it fail, so it is tried again."""
        for _ in range(20):
            state = os.statvfs(self._path)
            if self._resize((state.f_blocks - state.f_bfree) * state.f_frsize):
                return
        raise AssertionError("the disk would not be filled")

    def free(self) -> None:
        assert self._resize(FREE_BYTES)

    def _resize(self, size_bytes: int) -> bool:
        command = ["mount", "-o", f"remount,size={size_bytes}", str(self._path)]
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


class _Clocks:
    """The processes' wall clocks, and which one had which step when."""

    def __init__(self, folder: Path) -> None:
        self._clocks = WallClocks(folder)
        self.environ = self._clocks.environ
        self._open: dict[int, ClockSpan] = {}
        self.closed: list[ClockSpan] = []

    def step(self, pid: int, seconds: int) -> None:
        """Set one process's clock beside the true time."""
        self._close(pid)
        self._clocks.step(pid, seconds)
        self._open[pid] = ClockSpan(pid=pid, step_s=seconds, begun_unix_ns=time.time_ns(), ended_unix_ns=2**63)

    def set_right(self) -> None:
        """All of them."""
        for pid in list(self._open):
            self.step(pid, 0)

    def spans(self) -> list[ClockSpan]:
        """All so far; a process whose clock was never stepped has none."""
        return [*self.closed, *self._open.values()]

    def _close(self, pid: int) -> None:
        held = self._open.pop(pid, None)
        begun_unix_ns = held.begun_unix_ns if held else 0
        step_s = held.step_s if held else 0
        now_unix_ns = time.time_ns()
        self.closed.append(ClockSpan(pid=pid, step_s=step_s, begun_unix_ns=begun_unix_ns, ended_unix_ns=now_unix_ns))


class _Chaos:
    """One run."""

    def __init__(
        self, platform: RunningPlatform, data_dir: Path, clocks: _Clocks, disk: _Disk | None, random: Random
    ) -> None:
        self._platform = platform
        self._data_dir = data_dir
        self._clocks = clocks
        self._disk = disk
        self._random = random
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._paused: set[int] = set()
        self._is_full = False
        self._switching: threading.Thread | None = None
        self._halted_unix_ns: int | None = None
        self._wants_release = False
        self._halts: list[HaltSpan] = []
        self._earlier = Evidence()
        self._begun_s = time.monotonic()
        self.outcome = Outcome()

    def rage(self, seconds: float) -> None:
        """Do what is drawn, and end it when it is due."""
        until = time.monotonic() + seconds
        self._at(LOOK_EVERY_S, self._look)
        for gap_s, action in draw(self._random, PROCESS_NAMES, foreign=NATS, with_disk=self._disk is not None):
            self._work_until(min(until, time.monotonic() + gap_s))
            if time.monotonic() >= until:
                return
            self._do(action)

    def mend(self) -> None:
        """End whatever was begun, but for a halt."""
        for pid in list(self._paused):
            self._resume(pid)
        self._free_disk()
        self._clocks.set_right()

    def calm(self) -> None:
        """After the last fault: healthy within a bound, then every promise."""
        self.mend()
        self._agenda.clear()
        started = time.monotonic()
        self._note("calm")
        with contextlib.suppress(AssertionError):
            self._platform.until(lambda: _all_healthy(self._platform), seconds=HEALTHY_AGAIN_S)
        self.outcome.healthy_again_s = time.monotonic() - started
        if not _all_healthy(self._platform):
            ill = {name: self._platform.view(name) for name in PROCESS_NAMES}
            ill = {name: view for name, view in ill.items() if view.get("state") != "healthy"}
            self.outcome.findings.append(f"not healthy {HEALTHY_AGAIN_S:g} s after the last fault: {ill}")
        self._released()
        self._settle()

    def _settle(self) -> None:
        """Trade for a while, stop, and wait until journal, command line and auditor agree."""
        started = time.monotonic()
        begun_unix_ns = time.time_ns()
        plan_count = len(self._evidence().plans)

        def trades_again() -> bool:
            evidence = self._evidence()
            return len(evidence.plans) > plan_count and any(
                stored_unix_ns > begun_unix_ns for stored_unix_ns, _ in evidence.results
            )

        if not _eventually(trades_again, seconds=SETTLED_S):
            self.outcome.findings.append(f"no plan was made and concluded within {SETTLED_S:g} s after the release")
        concluded = _eventually(
            lambda: not self._evidence().without_result(stored_before_unix_ns=begun_unix_ns), seconds=SETTLED_S
        )
        self._command("kill", "--reason", "the end of the test")
        agreed = concluded and _eventually(lambda: not self._disagreements(), seconds=SETTLED_S)
        self.outcome.settled_s = time.monotonic() - started
        self._note("settled")
        evidence = self._evidence()
        left = evidence.without_result(stored_before_unix_ns=begun_unix_ns)
        self.outcome.findings += [f"plan {plan_id.hex()} has no result" for plan_id in left]
        if not agreed:
            self.outcome.findings += self._disagreements()
        self.outcome.findings += evidence.lost_since(self._earlier)
        self.outcome.findings += findings(evidence, halts=self._halts, clocks=self._clocks.spans())
        self.outcome.findings = list(dict.fromkeys(self.outcome.findings))  # a look may have found the same before
        self.outcome.plan_count, self.outcome.sums = len(evidence.plans), evidence.sums
        self.outcome.halt_count = len(self._halts)

    def _disagreements(self) -> list[str]:
        """Who tells another profit than the results of the journal add up to."""
        evidence = self._evidence()
        sums, found = evidence.sums, []
        told = self._command("pnl", "--json", "--last", "0")["summary"]
        by_command = Sums(
            filled_count=told["filledCount"],
            failed_count=told["failedCount"],
            refused_count=told["refusedCount"],
            profit_lamports=told["cumulativeProfitLamports"],
        )
        if by_command != sums:
            found.append(f"`solquote pnl` tells {by_command}, EXECUTED is {sums}")
        snapshot = evidence.snapshot
        if snapshot is None:
            return [*found, "the auditor never told a sum"]
        by_auditor = Sums(
            filled_count=snapshot.filled_count,
            failed_count=snapshot.failed_count,
            refused_count=snapshot.refused_count,
            profit_lamports=snapshot.cumulative_profit_lamports,
        )
        return found if by_auditor == sums else [*found, f"the auditor tells {by_auditor}, EXECUTED is {sums}"]

    def _evidence(self) -> Evidence:
        return Evidence.read(self._data_dir / "journal")

    def _look(self) -> None:
        """What must hold at any time; what cannot be judged while things are broken is left for the calm."""
        evidence = self._evidence()
        self.outcome.findings += evidence.flaws
        self.outcome.findings += evidence.lost_since(self._earlier)
        self._earlier = evidence
        self._note(f"look: {len(evidence.plans)} plans, {evidence.sums}")
        self._at(LOOK_EVERY_S, self._look)

    def _do(self, action: Action) -> None:
        self.outcome.done[type(action).__name__] += 1
        self._note(str(action))
        match action:
            case Kill(name):
                self._send(name, signal.SIGKILL)
            case Pause(name, seconds):
                pid = self._send(name, signal.SIGSTOP)
                if pid is not None:
                    self._paused.add(pid)
                    self._at(seconds, lambda: self._resume(pid))
            case ClockStep(name, seconds):
                pid = self._platform.pids().get(name)
                if pid is not None:
                    self._clocks.step(pid, seconds)
            case DiskFull(seconds):
                if not self._is_full:
                    self._fill_disk()
                    self._at(seconds, self._free_disk)
            case Halt(seconds):
                self._halt()
                self._at(seconds, self._release)

    def _send(self, name: str, number: signal.Signals) -> int | None:
        pid = self._platform.pids().get(name)
        if pid is None:
            return None  # it is being started again
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            return pid
        return None

    def _resume(self, pid: int) -> None:
        self._paused.discard(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def _fill_disk(self) -> None:
        assert self._disk is not None
        self._disk.fill()
        self._is_full = True

    def _free_disk(self) -> None:
        if self._is_full:
            assert self._disk is not None
            self._disk.free()
            self._is_full = False

    def _halt(self) -> None:
        """Ask for a halt; one that is not acknowledged may still have come about, so it is released like any other."""
        if self._wants_release:
            return
        self._wants_release = True
        self._switch("kill")

    def _release(self) -> None:
        """Try to release until it is acknowledged; it may have come about with the first try."""
        if not self._wants_release:
            return
        if self._switching:  # the halt, or a release, is not answered yet
            self._at(0.1, self._release)
            return
        if self._halted_unix_ns is not None:
            self._halts.append(HaltSpan(begun_unix_ns=self._halted_unix_ns, ended_unix_ns=time.time_ns()))
            self._halted_unix_ns = None
        self._switch("release")
        self._at(0.1, self._release)

    def _switch(self, command: str) -> None:
        """Ask for it beside everything else: a busy machine takes seconds to start the command line."""
        by_hand = self._random.choice((self._by_command_line, self._by_http))
        self._switching = threading.Thread(target=self._switched, args=(command, by_hand))
        self._switching.start()
        self._note(f"{command} asked for {by_hand.__name__.replace('_', ' ').strip()}")

    def _switched(self, command: str, by_hand: Callable[[str], bool]) -> None:
        is_acknowledged = by_hand(command)
        now_unix_ns = time.time_ns()
        if is_acknowledged:
            self._note(f"{command} acknowledged")
            if command == "kill":
                self._halted_unix_ns = now_unix_ns
            else:
                self._wants_release = False
        self._switching = None

    def _by_command_line(self, command: str) -> bool:
        forced = [f"--force={rule}" for rule in RULE_NAMES] if command == "release" else []
        return solquote(command, "--reason", "chaos", *forced, data_dir=self._data_dir).returncode == 0

    def _by_http(self, command: str) -> bool:
        environment = self._platform.environment
        port = int(environment["SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT"])
        token = (self._data_dir / "kill-switch.token").read_text().strip()
        action, forced = ("enable", {}) if command == "kill" else ("disable", {"force": RULE_NAMES})
        connection = HTTPConnection("127.0.0.1", port, timeout=SWITCH_S)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            body = json.dumps({"reason": "chaos", **forced})
            connection.request("POST", f"/api/killswitch/{action}", body, headers)
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _released(self) -> None:
        """Active for certain, also when a rule has tripped meanwhile."""
        self._wants_release = True
        self._release()
        until = time.monotonic() + COMMAND_TRIES_S
        while self._wants_release and time.monotonic() < until:
            self._work_until(time.monotonic() + 0.1)
        if self._switching is not None:
            self._switching.join()
        if self._wants_release:
            self.outcome.findings.append(f"no release was acknowledged within {COMMAND_TRIES_S:g} s")

    def _command(self, *arguments: str) -> Any:
        """One command that must come through before long; its JSON."""
        is_json = "--json" in arguments
        until = time.monotonic() + COMMAND_TRIES_S
        while True:
            ended = solquote(*arguments, data_dir=self._data_dir)
            if ended.returncode == 0:
                return json.loads(ended.stdout) if is_json else None
            assert time.monotonic() < until, f"solquote {' '.join(arguments)}: {ended.stderr}"

    def _at(self, seconds: float, deed: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (time.monotonic() + seconds, next(self._numbers), deed))

    def _work_until(self, until: float) -> None:
        """Do what is due on the agenda until then."""
        while self._agenda and self._agenda[0][0] <= until:
            due, _, deed = heapq.heappop(self._agenda)
            time.sleep(max(0.0, due - time.monotonic()))
            deed()
        time.sleep(max(0.0, until - time.monotonic()))

    def _note(self, text: str) -> None:
        self.outcome.log.append(f"{time.monotonic() - self._begun_s:7.2f} s  {text}")


def _eventually(condition: Callable[[], bool], *, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= until:
            return False
        time.sleep(0.5)
    return True
