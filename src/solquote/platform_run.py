"""Runs the whole platform for `solquote up`: what is wrong is told first, then all is started, shown and ended."""

import asyncio
import contextlib
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from rich.console import Console

from quote_core.clock import SYSTEM_CLOCK
from quote_core.files import replace_file
from quote_core.running.data_folder import Running
from quote_core.running.log_files import LOG_FOLDER
from quote_core.running.log_levels import forget_levels
from quote_core.running.profile_orders import forget_orders
from quote_core.running.settings_shown import SETTINGS_NAME, SettingShown, settings_content, shown_settings
from quote_core.running.status import ProcessView
from quote_core.settings import SettingsError, environment_name
from solquote.checks import DoctorVerdict, check_settings
from solquote.clash import clash_of, folder_clash
from solquote.exit_codes import ExitCode
from solquote.manager_request import ManagerClient, find_manager
from solquote.output import CommandFailed, make_console, redraws
from solquote.places import misplaced
from solquote.plan import Plan, PlatformModels, make_plan, private_shm_dir
from solquote.setting_models import all_models
from solquote.settings import UpSettings
from solquote.standard_streams import LastingOutput
from solquote.supervisor.child import ChildLimits
from solquote.supervisor.display import Display, JsonLines, LiveTable, PlainLines
from solquote.supervisor.lifecycle import RestartPolicy
from solquote.supervisor.lock import DataFolderTaken, take_data_folder
from solquote.supervisor.nats_server import prepare_nats
from solquote.supervisor.ports import KeptPorts
from solquote.supervisor.run import SupervisorStop, supervise
from solquote.supervisor.specification import Watcher
from solquote.supervisor.status_file import StatusFile
from solquote.switch_view import SwitchView, look_at_switch

__all__ = ["run_platform"]

_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_REFRESH_S: Final = 0.5
_SWITCH_EVERY_S: Final = 1.0
_SWITCH_TIMEOUT_S: Final = 1.0
_SHM_DIR_VARIABLE: Final = environment_name("platform", "shm_dir")


def run_platform(environ: Mapping[str, str], *, free_ports: bool, show_logs: bool, as_json: bool) -> ExitCode:
    """Run what the settings in `environ` say, until told to stop.

    Raises:
        SettingsError: All that is wrong with them, and with the places they name.
        CommandFailed: A port or the data folder is somebody else's.
    """
    os.umask(os.umask(_OTHERS_WRITE) | _OTHERS_WRITE)  # nobody else may write to what the platform makes
    mistakes = [
        found.detail for found in check_settings(environ, all_models()) if found.verdict is DoctorVerdict.FAILED
    ]
    if mistakes:
        raise SettingsError(mistakes)
    models = PlatformModels.load(environ)
    misplacements = list(misplaced(models))
    if misplacements:
        raise SettingsError(misplacements)
    with contextlib.closing(KeptPorts()) as kept_ports:
        plan = make_plan(models, environ, free_ports=free_ports, kept_ports=kept_ports)
        return _run_planned(
            plan,
            models.up,
            shown_settings(all_models(), {**environ, **plan.environment}, own=environ),
            show_logs=show_logs,
            as_json=as_json,
        )


def _run_planned(
    plan: Plan, settings: UpSettings, shown: Iterable[SettingShown], *, show_logs: bool, as_json: bool
) -> ExitCode:
    clash = clash_of(plan)
    if clash:
        raise CommandFailed("PORT_TAKEN", clash, ExitCode.NEGATIVE)
    stop = SupervisorStop()
    output = LastingOutput(sys.stdout, on_reader_gone=stop.ask)
    console = make_console(output)
    try:
        with take_data_folder(plan.data_dir, plan.environment) as killed, _passing_files(plan):
            _remove_leftovers(killed)
            forget_levels(plan.data_dir)
            forget_orders(plan.data_dir)
            if plan.nats:
                prepare_nats(plan.nats)
            _log_dir(plan).mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(OSError):  # only those who look miss it
                replace_file(_settings_file(plan), settings_content(shown), outlives_power_failure=False)
            with contextlib.closing(_display(plan, console, show_logs=show_logs, as_json=as_json)) as display:
                asyncio.run(_run(plan, settings, display, stop))
    except DataFolderTaken as error:
        sentence = folder_clash(str(error), error.pid, error.folder)
        raise CommandFailed("DATA_FOLDER_TAKEN", sentence, ExitCode.NEGATIVE) from error
    return ExitCode.OK if output.has_reader else ExitCode.READER_GONE


def _log_dir(plan: Plan) -> Path:
    return plan.data_dir / LOG_FOLDER


def _settings_file(plan: Plan) -> Path:
    return plan.data_dir / SETTINGS_NAME


@contextlib.contextmanager
def _passing_files(plan: Plan) -> Iterator[None]:
    """Remove what is of use only while the platform runs; memory of quote files is given back by nobody else."""
    plan.slot_file.unlink(missing_ok=True)  # a platform that was killed left it
    try:
        yield
    finally:
        plan.slot_file.unlink(missing_ok=True)
        _settings_file(plan).unlink(missing_ok=True)
        if plan.shm_dir_is_ours:
            shutil.rmtree(plan.shm_dir, ignore_errors=True)


def _remove_leftovers(killed: Running | None) -> None:
    """Give back the memory of a platform that ran beside others and was killed; nobody else knows of it."""
    if killed is None or Path(f"/proc/{killed.pid}").exists():  # the number is somebody else's by now
        return
    folder = private_shm_dir(killed.pid)
    if killed.environment.get(_SHM_DIR_VARIABLE) == str(folder):
        shutil.rmtree(folder, ignore_errors=True)


class _Watchers:
    """Everybody who is told what happens to the processes."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def changed(self, view: ProcessView) -> None:
        for watcher in self._watchers:
            watcher.changed(view)

    def told(self, name: str, sentence: str) -> None:
        for watcher in self._watchers:
            watcher.told(name, sentence)

    def logged(self, name: str, line: str) -> None:
        for watcher in self._watchers:
            watcher.logged(name, line)


async def _run(plan: Plan, settings: UpSettings, display: Display, stop: SupervisorStop) -> None:
    status_file = StatusFile(plan.data_dir, plan.processes, clock=SYSTEM_CLOCK)
    for sentence in plan.warnings():
        display.told("solquote", f"warning: {sentence}")
    with stop.from_signals():
        beside = [
            asyncio.create_task(_refresh(display)),
            asyncio.create_task(_watch_switch(find_manager({**os.environ, **plan.environment}), display, stop)),
            asyncio.create_task(status_file.run()),
        ]
        try:
            await supervise(
                plan.processes,
                limits=_limits(settings),
                clock=SYSTEM_CLOCK,
                watcher=_Watchers(display, status_file),
                log_dir=_log_dir(plan),
                stop=stop,
                stop_ns_max=settings.stop_time_max,
            )
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


def _display(plan: Plan, console: Console, *, show_logs: bool, as_json: bool) -> Display:
    if as_json:
        return JsonLines(console, clock=SYSTEM_CLOCK, show_logs=show_logs)
    if redraws(console):
        names = [process.name for process in plan.processes]
        return LiveTable(console, names, clock=SYSTEM_CLOCK, show_logs=show_logs)
    return PlainLines(console, clock=SYSTEM_CLOCK, show_logs=show_logs)


async def _refresh(display: Display) -> None:
    while True:
        display.refresh()
        await asyncio.sleep(_REFRESH_S)


async def _watch_switch(manager: ManagerClient, display: Display, stop: SupervisorStop) -> None:
    """Tell of every change; at the start the manager is not there yet, and at the end no more, which is no news."""
    shown: SwitchView | None = None
    while not stop.wanted.is_set():
        switch = await asyncio.to_thread(look_at_switch, manager, timeout_s=_SWITCH_TIMEOUT_S)
        is_news = switch.is_known if shown is None else (switch.state, switch.revision) != (shown.state, shown.revision)
        if is_news and not stop.wanted.is_set():
            shown = switch
            display.switched(switch)
        await asyncio.sleep(_SWITCH_EVERY_S)


def _limits(settings: UpSettings) -> ChildLimits:
    return ChildLimits(
        start_ns_max=settings.start_time_max,
        silence_ns_max=settings.silence_max,
        log_size_max_bytes=settings.log_size_max_bytes,
        log_count_max=settings.log_count_max,
        restart=RestartPolicy(
            delay_ns_min=settings.restart_delay_min,
            delay_ns_max=settings.restart_delay_max,
            settled_after_ns=settings.settled_after,
        ),
    )
