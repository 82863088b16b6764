"""All that `solquote doctor` looks at, in the order in which it is told."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from aggregator.settings import AggregatorSettings
from pipeline.event_logger.settings import EventLoggerSettings
from pipeline.history.settings import HistorySettings
from pipeline.notifier.settings import NotifierSettings
from pipeline.system_manager.settings import SystemManagerSettings
from quote_core.addresses import dialled, host_of, servers_of, with_port
from quote_core.clock import SYSTEM_CLOCK
from quote_core.running.settings_shown import shown_settings
from quote_core.running.status import read_status
from solquote.checks import (
    DoctorFinding,
    DoctorVerdict,
    check_listeners,
    check_places,
    check_quote_files,
    check_settings,
    check_switch,
    check_token_file,
)
from solquote.commands.options import found_environment, own_environment
from solquote.connections import check_connections
from solquote.disk_checks import check_disk
from solquote.exit_codes import ExitCode
from solquote.first_slot import FirstSlot
from solquote.history_checks import check_history
from solquote.manager_request import find_manager
from solquote.notifier_checks import check_notifier
from solquote.output import answer_json, make_console
from solquote.plan import PlatformModels, meant_listeners, started_services
from solquote.platform_checks import check_processes, check_start
from solquote.setting_models import all_models
from solquote.stream_checks import check_streams
from solquote.supervisor.display import switch_banner
from solquote.switch_view import SwitchView, look_at_switch

__all__ = ["diagnose", "print_findings"]

_STYLES = {DoctorVerdict.OK: "green", DoctorVerdict.WARNING: "yellow", DoctorVerdict.FAILED: "bold red"}


def diagnose(
    data_dir: Path | None, first_slots: Mapping[int, FirstSlot] | None, *, timeout_s: float, as_json: bool
) -> ExitCode:
    """Check everything and print what was found, NEGATIVE when anything failed.

    Args:
        data_dir: Of the platform meant, where the command line says.
        first_slots: Of the nodes that the settings name, by their number; `None` where those of the platform are wrong.
        timeout_s: Of each try.
        as_json: How it is told.
    """
    environ = found_environment(data_dir)
    own = own_environment(data_dir)
    switch: SwitchView | None = None
    findings = list(check_settings(environ, all_models(), own=own))
    if first_slots is None or any(finding.verdict is DoctorVerdict.FAILED for finding in findings):
        mend = "mend the settings first"
        findings.append(
            DoctorFinding(subject="connections", verdict=DoctorVerdict.WARNING, detail="not tried", mend=mend)
        )
    else:
        switch = look_at_switch(find_manager(environ), timeout_s=timeout_s)
        models = PlatformModels.load(environ)
        findings = [
            check_switch(switch),
            *_platform(models, own),
            *findings,
            *_look_outside(models, first_slots, environ, timeout_s),
        ]
    if as_json:
        settings = [
            {
                "section": one.section,
                "field": one.field,
                "variable": one.variable,
                "value": one.value,
                "origin": one.origin or "default",
            }
            for one in shown_settings(all_models(), environ, own=own)
        ]
        answer_json({"checks": [_as_json(finding) for finding in findings], "settings": settings})
    else:
        console = make_console()
        if switch is not None and not switch.is_active:
            console.print(switch_banner(switch))
        print_findings(findings, console)
    return ExitCode.NEGATIVE if any(finding.verdict is DoctorVerdict.FAILED for finding in findings) else ExitCode.OK


def _platform(models: PlatformModels, own: Mapping[str, str]) -> Iterator[DoctorFinding]:
    folder = models.platform.data_folder()
    running = read_status(folder, clock=SYSTEM_CLOCK)
    if running is None:
        yield check_start(models, own, folder=folder)
    else:
        yield from check_processes(running, now_mono_ns=SYSTEM_CLOCK.mono_ns())


def _look_outside(
    models: PlatformModels, first_slots: Mapping[int, FirstSlot], environ: Mapping[str, str], timeout_s: float
) -> list[DoctorFinding]:
    """All that is asked for is asked for at once, and what is on this machine is looked at meanwhile."""
    return asyncio.run(_look_at_all(models, first_slots, environ, timeout_s))


async def _look_at_all(
    models: PlatformModels, first_slots: Mapping[int, FirstSlot], environ: Mapping[str, str], timeout_s: float
) -> list[DoctorFinding]:
    platform, up = models.platform, models.up
    manager, aggregator = SystemManagerSettings.load(environ=environ), AggregatorSettings.load(environ=environ)
    of_history = HistorySettings.load(environ=environ)
    scheme = "http" if platform.ask_ca is None else "https"
    manager_address = with_port(dialled(manager.http_host), manager.http_port)
    aggregator_host = host_of(f"//{platform.aggregator_address}")
    notifier = NotifierSettings.load(environ=environ)
    is_notifier_run = any(service.name == notifier.section for service in started_services(models))
    connections, streams, here, history, told = await asyncio.gather(
        check_connections(
            platform,
            first_slots,
            http_urls={
                "aggregator": f"{scheme}://{with_port(aggregator_host, aggregator.http_port)}/v1/health",
                "system manager": f"{scheme}://{manager_address}/api/killswitch",
            },
            nats_monitor_url=f"http://{with_port(host_of(servers_of(platform.nats_url)[0]), up.nats_monitor_port)}",
            timeout_s=timeout_s,
        ),
        check_streams(platform, timeout_s=timeout_s),
        asyncio.to_thread(_look_here, models, manager, EventLoggerSettings.load(environ=environ), of_history),
        asyncio.to_thread(check_history, platform, of_history),
        check_notifier(notifier, is_run=is_notifier_run),
    )
    return [*connections, *streams, *here, history, told]


def _look_here(
    models: PlatformModels, manager: SystemManagerSettings, logger: EventLoggerSettings, history: HistorySettings
) -> list[DoctorFinding]:
    return [
        *check_places(models),
        *check_disk(models.platform, logger, history),
        *check_listeners(meant_listeners(models)),
        *check_quote_files(models.platform.shm_dir),
        check_token_file(manager.token_path(models.platform)),
    ]


def _as_json(finding: DoctorFinding) -> dict[str, str]:
    return {
        "subject": finding.subject,
        "verdict": finding.verdict.value,
        "detail": finding.detail,
        "mend": finding.mend,
    }


def print_findings(findings: Sequence[DoctorFinding], console: Console) -> None:
    """One row a finding, and below how many are not well."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        detail = Text(finding.detail)
        if finding.mend:
            detail.append(f"\n-> {finding.mend}", style="yellow")
        table.add_row(Text(finding.verdict.value, style=_STYLES[finding.verdict]), Text(finding.subject), detail)
    console.print(table)
    counts = [
        f"{count} {word}"
        for verdict, word in ((DoctorVerdict.FAILED, "failed"), (DoctorVerdict.WARNING, "to look at"))
        if (count := sum(finding.verdict is verdict for finding in findings))
    ]
    console.print(f"{len(findings)} checks, {', '.join(counts) or 'all passed'}")
