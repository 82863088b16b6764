"""`solquote profile`: where a running process spends its time, as a file for https://www.speedscope.app."""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import InvalidField
from quote_core.running.profile_orders import SECONDS_MAX, ProfileOrder
from quote_core.running.status import read_status
from quote_core.setting_names import unknown_names
from quote_core.settings import PlatformSettings
from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.exit_codes import ExitCode
from solquote.output import CommandFailed, answer_json
from solquote.processes import NATS, SERVICES

__all__ = ["profile"]

_LOOK_EVERY_S: Final = 0.1
_HOTTEST_COUNT: Final = 5


def _process_names() -> list[str]:
    """For completion in a shell."""
    return [service.name for service in SERVICES]


def profile(
    process: Annotated[str, typer.Argument(help="As in `solquote status`", autocompletion=_process_names)],
    *,
    seconds: Annotated[float, typer.Option(help="Over how long", min=0.1, max=SECONDS_MAX)] = 10.0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write [default: PROCESS-TIME.speedscope.json]", metavar="FILE"),
    ] = None,
    timeout: Timeout = 15.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write where a running process spends its time, for https://www.speedscope.app; it goes on serving meanwhile."""
    data_folder = PlatformSettings.load(environ=found_environment(data_dir)).data_folder()
    pid = _pid_of(data_folder, process)
    _check_user(data_folder)
    path = output or Path(f"{process}-{datetime.now(UTC):%Y%m%d-%H%M%S}.speedscope.json")
    _check_writable(path)
    try:
        order = ProfileOrder.placed(data_folder, process=process, pid=pid, seconds=seconds)
    except OSError as error:
        sentence = f"nothing can be asked of {process}: {data_folder}: {error.strerror}"
        raise CommandFailed("PERMISSION_DENIED", sentence, ExitCode.UNAVAILABLE) from None
    try:
        content = _awaited(order, data_folder, timeout_s=timeout, progress=_Progress(order, is_told=not as_json))
    finally:
        order.take_away()
    hottest = list(_hottest(_document(content, process)))
    try:
        path.write_bytes(content)
    except OSError as error:
        raise _not_writable(path, error) from None
    if as_json:
        functions = [{"function": name, "fraction": fraction} for name, fraction in hottest]
        answer_json({"process": process, "pid": pid, "seconds": seconds, "file": str(path), "hottest": functions})
        return
    for name, fraction in hottest:
        sys.stdout.write(f"{fraction:6.1%}  {name}\n")
    sys.stdout.write(f"{path}: open it at https://www.speedscope.app, which keeps it in the browser\n")


def _pid_of(data_folder: Path, process: str) -> int:
    """The process as it runs now.

    Raises:
        InvalidField: There is none of that name, or it is not ours.
        CommandFailed: It does not run.
    """
    for mistake in unknown_names([process], [NATS, *_process_names()]):
        raise InvalidField("PROCESS", mistake.replace("no such setting", "no such process"))
    if process == NATS:
        raise InvalidField("PROCESS", f"{NATS} is not ours, and has no Python to be looked at")
    platform = read_status(data_folder, clock=SYSTEM_CLOCK)
    if platform is None:
        sentence = f"no platform runs with {data_folder}; `solquote up` starts one, --data-dir names another folder"
        raise CommandFailed("UNAVAILABLE", sentence, ExitCode.UNAVAILABLE)
    view = next((view for view in platform.views if view.name == process), None)
    if view is None:
        sentence = f"{process} is not one of the processes that run with {data_folder}"
        raise CommandFailed("UNAVAILABLE", sentence, ExitCode.UNAVAILABLE)
    if view.pid is None:
        sentence = f"{process} does not run now: it is {view.state.value}; `solquote logs {process}` says why"
        raise CommandFailed("UNAVAILABLE", sentence, ExitCode.UNAVAILABLE)
    return view.pid


def _check_user(data_folder: Path) -> None:
    """See that the process will be able to read what is asked.

    Raises:
        CommandFailed: It is somebody else's, whose folder only root could have looked into.
    """
    owner, us = data_folder.stat().st_uid, os.geteuid()
    if owner != us:
        sentence = f"{data_folder} is user {owner}'s, and this is user {us}: its processes heed their own user alone"
        raise CommandFailed("PERMISSION_DENIED", sentence, ExitCode.UNAVAILABLE)


def _check_writable(path: Path) -> None:
    """Rather now than when the profile is there.

    Raises:
        InvalidField: It cannot be written.
    """
    is_new = not path.exists()
    try:
        path.open("ab").close()
        if is_new:
            path.unlink()
    except OSError as error:
        raise _not_writable(path, error) from None


def _not_writable(path: Path, error: OSError) -> InvalidField:
    return InvalidField("--output", f"{path} cannot be written: {error.strerror}")


class _Progress:
    """What is under way, for people, on standard error; on a terminal second by second."""

    def __init__(self, order: ProfileOrder, *, is_told: bool) -> None:
        self._order = order
        self._is_told = is_told
        self._second = 0

    def asked(self) -> None:
        self._tell(f"solquote: {self._order.process}, process {self._order.pid}, is asked for a profile\n")

    def begun(self) -> None:
        self._tell(f"solquote: it is looked at for {self._order.seconds:g} s\n")

    def passed(self, elapsed_s: float) -> None:
        second = min(int(elapsed_s), int(self._order.seconds))
        if second > self._second and sys.stderr.isatty():
            self._second = second
            self._tell(f"\r{second} of {self._order.seconds:g} s")

    def ended(self) -> None:
        if self._second:
            self._tell("\n")

    def _tell(self, text: str) -> None:
        if self._is_told:
            sys.stderr.write(text)
            sys.stderr.flush()


def _awaited(order: ProfileOrder, data_folder: Path, *, timeout_s: float, progress: _Progress) -> bytes:
    """The profile.

    Raises:
        CommandFailed: The process has ended, or does not begin or deliver within `timeout_s` of when it should.
    """
    progress.asked()
    _until_begun(order, data_folder, timeout_s)
    progress.begun()
    began_s = time.monotonic()
    try:
        for elapsed_s in _passing(began_s):
            content = order.delivered()
            if content is not None:
                return content
            progress.passed(elapsed_s)
            _check_running(order, data_folder)
            if elapsed_s > order.seconds + timeout_s:
                sentence = f"{order.process} has not written its profile; `solquote logs {order.process}` may say why"
                raise CommandFailed("DEADLINE_EXCEEDED", sentence, ExitCode.TIMED_OUT)
    finally:
        progress.ended()
    raise AssertionError("time does not end")


def _until_begun(order: ProfileOrder, data_folder: Path, timeout_s: float) -> None:
    for elapsed_s in _passing(time.monotonic()):
        if order.has_begun:
            return
        _check_running(order, data_folder)
        if elapsed_s > timeout_s:
            sentence = (
                f"{order.process} has not begun within {timeout_s:g} s: its event loop stands still, "
                "or it is busy with another profile"
            )
            raise CommandFailed("DEADLINE_EXCEEDED", sentence, ExitCode.TIMED_OUT)


def _passing(began_s: float) -> Iterator[float]:
    """Seconds that have passed, look by look."""
    while True:
        yield time.monotonic() - began_s
        time.sleep(_LOOK_EVERY_S)


def _check_running(order: ProfileOrder, data_folder: Path) -> None:
    """See that it is still the same process.

    Raises:
        CommandFailed: It is not.
    """
    platform = read_status(data_folder, clock=SYSTEM_CLOCK)
    views = () if platform is None else platform.views
    if platform is not None and not views:
        return  # being written this moment
    if not any(view.name == order.process and view.pid == order.pid for view in views):
        sentence = f"{order.process}, process {order.pid}, has ended meanwhile"
        raise CommandFailed("UNAVAILABLE", sentence, ExitCode.UNAVAILABLE)


def _document(content: bytes, process: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise CommandFailed("DATA_LOSS", f"what {process} wrote is no profile", ExitCode.BAD_DATA) from None


def _hottest(document: Any) -> Iterator[tuple[str, float]]:
    """The functions in which the event loop's thread was itself most often, and for which part of the time."""
    loop, frames = document["profiles"][document["activeProfileIndex"]], document["shared"]["frames"]
    seconds: Counter[int] = Counter()
    for stack, weight_s in zip(loop["samples"], loop["weights"], strict=True):
        seconds[stack[-1]] += weight_s
    total_s = sum(loop["weights"])
    for index, of_it_s in seconds.most_common(_HOTTEST_COUNT):
        yield frames[index]["name"], of_it_s / total_s
