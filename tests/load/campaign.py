"""Runs a profile against a running platform, and judges it."""

import contextlib
import json
import os
import signal
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from load.profiles import Profile
from load.readers import readers, told_by
from load.resources import Resources, watched
from load.thresholds import Finding, Metric, Thresholds, findings_of, rate_of, stats_of

from quote_core.clock import SYSTEM_CLOCK
from quote_core.running.data_folder import running_platform
from quote_core.running.status import read_status
from quote_core.settings import PlatformSettings

__all__ = ["NotRunning", "Outcome", "run_profile", "slowed"]

_SCRIPT: Final = Path(__file__).parent / "load.js"
_MEASURED_HERE: Final = (
    "read_us",
    "reader_stale",
    "reader_errors",
    "memory_growth_percent",
    "bus_memory_growth_percent",
    "descriptor_growth",
    "restarts",
)
"""Not by k6, which refuses limits of what it does not know."""
_BUS: Final = "nats_server"
"""Its streams in memory fill to their bounds for days (docs/pipeline.md): growth says nothing, and is told apart."""
_SLOW_PAUSE_S: Final = 0.1
_SLOW_EVERY_S: Final = 0.5
_LONGEST_PART: Final = 3
"""No profile of k6 takes more than so many times its seconds."""
_K6_GRACE_S: Final = 120.0


class NotRunning(Exception):
    """There is no platform to load, or k6 did not do its part."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a profile showed."""

    profile: Profile
    metrics: Mapping[str, Metric]
    findings: list[Finding]
    resources: Resources = field(repr=False)

    @property
    def is_kept(self) -> bool:
        return all(finding.is_kept for finding in self.findings)


def run_profile(profile: Profile, data_dir: Path, limits: Thresholds) -> Outcome:
    """Load the platform of `data_dir`.

    Raises:
        NotRunning: None runs there, or k6 could not be run.
    """
    running = running_platform(data_dir)
    if running is None:
        raise NotRunning(f"no platform runs with the data folder {data_dir}")
    own_limits = limits.get(profile.name, {})
    directory = Path(running.environment["SOLQUOTE_SHM_DIR"])
    metrics: dict[str, Metric] = {}
    with (
        watched(data_dir, profile.seconds) as resources,
        readers(profile.reader_count, directory, profile.seconds) as started,
    ):
        if profile.is_k6:
            k6_limits = {name: each for name, each in own_limits.items() if name not in _MEASURED_HERE}
            metrics |= _k6(profile, running.environment, k6_limits)
        if started:
            metrics |= _readers_metrics(told_by(started, profile.seconds))
    growth = dict(resources.memory_growth_percent())
    bus_growth = growth.pop(_BUS, None)
    metrics |= {
        "memory_growth_percent": stats_of(list(growth.values())),
        "bus_memory_growth_percent": {} if bus_growth is None else {"max": bus_growth},
        "descriptor_growth": stats_of(list(resources.descriptor_growth().values())),
        "restarts": {"count": resources.restarts},
    }
    return Outcome(profile, metrics, findings_of(metrics, own_limits), resources)


def _k6(profile: Profile, environment: Mapping[str, str], limits: Mapping[str, Any]) -> dict[str, Metric]:
    with tempfile.TemporaryDirectory(prefix="solquote-load-") as folder:
        summary, thresholds = Path(folder) / "summary.json", Path(folder) / "thresholds.json"
        thresholds.write_text(json.dumps({profile.name: limits}))
        platform = PlatformSettings.load(environ={**environment, **os.environ})
        scheme = "http" if platform.ask_ca is None else "https"
        given = {
            "PROFILE": profile.name,
            "RATE": profile.rate,
            "SECONDS": profile.seconds,
            "SUMMARY": summary,
            "THRESHOLDS": thresholds,
            "AGGREGATOR": environment["SOLQUOTE_AGGREGATOR_ADDRESS"],
            "LOCAL_QUOTE": environment["SOLQUOTE_LOCAL_QUOTE_ADDRESS"],
            "HTTP_API": f"{scheme}://127.0.0.1:{environment['SOLQUOTE_AGGREGATOR_HTTP_PORT']}",
            **({"TLS": "yes", "SSL_CERT_FILE": platform.ask_ca} if platform.ask_ca else {}),
            **({"TOKEN_FILE": platform.ask_token_file} if platform.ask_token_file else {}),
        }
        ran = subprocess.run(
            [Path(sysconfig.get_path("scripts")) / "k6", "run", "--quiet", "--no-usage-report", str(_SCRIPT)],
            env={**os.environ, **{name: str(value) for name, value in given.items()}},
            capture_output=True,
            text=True,
            timeout=_LONGEST_PART * profile.seconds + _K6_GRACE_S,
            check=False,
        )
        if not summary.exists():
            raise NotRunning(f"k6 ended with {ran.returncode}: {ran.stderr.strip()[-2_000:]}")
        told: dict[str, Any] = json.loads(summary.read_text())["metrics"]
    return {name: metric["values"] for name, metric in told.items()}


def _readers_metrics(told: list[Mapping[str, Any]]) -> dict[str, Metric]:
    looks = sum(len(each["read_us"]) for each in told)
    return {
        "read_us": stats_of([cost_us for each in told for cost_us in each["read_us"]]),
        "reader_stale": rate_of(sum(each["stale"] for each in told), looks),
        "reader_errors": {"count": sum(each["errors"] for each in told)},
        "reader_changes": {"count": sum(each["changes"] for each in told)},
    }


@contextlib.contextmanager
def slowed(name: str, data_dir: Path) -> Iterator[None]:
    """Let a process stand still for a tenth of a second, twice a second, until the context ends.

    Raises:
        NotRunning: There is no such process.
    """
    status = read_status(data_dir, clock=SYSTEM_CLOCK)
    pid = next((view.pid for view in (() if status is None else status.views) if view.name == name), None)
    if pid is None:
        raise NotRunning(f"there is no process {name}")
    ending = threading.Event()

    def stop_and_go() -> None:
        with contextlib.suppress(ProcessLookupError):
            while not ending.wait(_SLOW_EVERY_S - _SLOW_PAUSE_S):
                os.kill(pid, signal.SIGSTOP)
                ending.wait(_SLOW_PAUSE_S)
                os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=stop_and_go)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
