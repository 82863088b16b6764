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
    """Begin with the long groups, that no worker is left alone with one in the end, and the unit tests beside them."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    """In the run; within one, it is as collected."""
    name = item.path.stem
    if name in WHOLE_MACHINE:
        return WHOLE_MACHINE.index(name)
    is_unit = item.get_closest_marker("integration") is None
    return len(WHOLE_MACHINE) + (0 if is_unit else 1 if item.nodeid.startswith(CLIENTS) else 2)


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A test that starts logs does so for itself: they would be written to its own captured, closed standard error."""
    yield
    structlog.reset_defaults()
