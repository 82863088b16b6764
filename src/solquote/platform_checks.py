"""What `solquote doctor` says of the whole platform: its processes when it runs, and when not, whether it would."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from quote_core.errors import ProviderUnavailable
from quote_core.running.status import PlatformStatus, ProcessState, ProcessView
from quote_core.settings import SettingsError
from quote_core.units import NS_PER_MS
from solquote.checks import DoctorFinding, DoctorVerdict
from solquote.clash import clash_of
from solquote.formatting import age_text
from solquote.places import misplaced
from solquote.plan import PlatformModels, make_plan
from solquote.supervisor.ports import KeptPorts

__all__ = ["check_processes", "check_start"]

_SUPERVISOR: Final = "supervisor"
_ON_THE_WAY: Final = {ProcessState.WAITING, ProcessState.STARTING}


def check_processes(platform: PlatformStatus, *, now_mono_ns: int) -> Iterator[DoctorFinding]:
    """The supervisor, and each of its processes with its restarts.

    Args:
        platform: What the supervisor last told.
        now_mono_ns: By the clock of its views.
    """
    yield _supervisor(platform)
    for view in platform.views:
        yield _process(view, now_mono_ns)


def _supervisor(platform: PlatformStatus) -> DoctorFinding:
    if platform.is_old:
        told = f"has told nothing for {age_text(platform.age_ns // NS_PER_MS)}" if platform.views else "tells nothing"
        mend = "see whether it was stopped (Ctrl-Z; `fg` goes on), or its disk is full"
        detail = f"process {platform.pid} {told}"
        return DoctorFinding(subject=_SUPERVISOR, verdict=DoctorVerdict.WARNING, detail=detail, mend=mend)
    detail = f"process {platform.pid} runs {len(platform.views)} processes"
    return DoctorFinding(subject=_SUPERVISOR, verdict=DoctorVerdict.OK, detail=detail)


def _process(view: ProcessView, now_mono_ns: int) -> DoctorFinding:
    life = [view.state.value]
    if view.pid is not None:
        life.append(f"pid {view.pid}")
    if view.started_mono_ns is not None:
        life.append(f"up {age_text(max(0, now_mono_ns - view.started_mono_ns) // NS_PER_MS)}")
    life.append("never restarted" if not view.restart_count else f"restarted {view.restart_count} times")
    detail = ", ".join(life) + (f": {view.status}" if view.status else "")
    why = f"`solquote logs {view.name}` says why"
    if view.state in _ON_THE_WAY:
        verdict, mend = DoctorVerdict.WARNING, "wait until it is healthy: `solquote status --follow`"
    elif view.state is not ProcessState.HEALTHY:
        verdict, mend = DoctorVerdict.FAILED, why
    elif view.restart_count:
        verdict, mend = DoctorVerdict.WARNING, why
    else:
        verdict, mend = DoctorVerdict.OK, ""
    return DoctorFinding(subject=f"process {view.name}", verdict=verdict, detail=detail, mend=mend)


def check_start(models: PlatformModels, environ: Mapping[str, str], *, folder: Path) -> DoctorFinding:
    """What `solquote up` would do, where none runs: start, or refuse with the same sentences."""
    if any(misplaced(models)):
        return _would_not_start("mend the places first")
    try:
        with contextlib.closing(KeptPorts()) as kept_ports:
            plan = make_plan(models, environ, free_ports=False, kept_ports=kept_ports)
            clash = clash_of(plan)
    except (SettingsError, ProviderUnavailable) as error:
        return _would_not_start(str(error))
    if clash:
        return _would_not_start(clash)
    detail = "; ".join([f"none runs with the data folder {folder}", *plan.warnings()])
    mend = "`solquote up` starts one; --data-dir names another folder"
    return DoctorFinding(subject=_SUPERVISOR, verdict=DoctorVerdict.WARNING, detail=detail, mend=mend)


def _would_not_start(mend: str) -> DoctorFinding:
    detail = "none runs, and `solquote up` would not start one"
    return DoctorFinding(subject=_SUPERVISOR, verdict=DoctorVerdict.FAILED, detail=detail, mend=mend)
