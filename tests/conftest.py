"""What every test gets, and what runs beside what."""

import signal
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

import pytest
import structlog
from fakes.tested_source import processes_of_tested_source
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

processes_of_tested_source()
signal.signal(
    signal.SIGINT, signal.default_int_handler
)  # else ignored by all they start, where a shell's background job runs us
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("repeatable")  # a run tells of the change it is for; --hypothesis-profile=default explores

WHOLE_MACHINE: Final = (
    "test_up",
    "test_chaos",
    "test_hostile_node",
    "test_full_disk",
    "test_shm_proof",
    "test_page_in_browser",
)
"""Take all they get, so no two of them meet."""
CLIENTS: Final = "tests/integration/clients/"
"""Share a platform."""
LONG: Final = (
    "test_nats_cluster",
    "test_aggregator_trust",
    "test_endpoints",
    "test_history_process",
    "test_other_user",
)
"""Files that a worker should not be left alone with in the end."""


class _Groups(LoadScopeScheduling):
    """One worker runs the tests of a group one after the other: those of a file, or of several that belong together."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(CLIENTS):
            return CLIENTS
        return "whole machine" if PurePosixPath(file).stem in WHOLE_MACHINE else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling | None:
    """Ours for `--dist loadfile`, which it refines."""
    return _Groups(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long groups, and spread what computes evenly among what mostly waits: there are more workers than
    cores, and the one is to fill the gaps of the other."""
    waiting = {item.path for item in items if item.get_closest_marker("integration") is not None}
    files = sorted(dict.fromkeys(item.path for item in items), key=lambda path: path.stem not in LONG)
    of_kinds = ([path for path in files if path not in waiting], [path for path in files if path in waiting])
    share = {path: place / len(of_kind) for of_kind in of_kinds for place, path in enumerate(of_kind)}
    items.sort(key=lambda item: (_group(item), share[item.path]))


def _group(item: pytest.Item) -> int:
    """In the order of the run."""
    if item.path.stem in WHOLE_MACHINE:
        return WHOLE_MACHINE.index(item.path.stem)
    return len(WHOLE_MACHINE) + (not item.nodeid.startswith(CLIENTS))


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A test that starts logs does so for itself: they would be written to its own captured, closed standard error."""
    yield
    structlog.reset_defaults()
