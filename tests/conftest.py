"""What every test gets, and what runs beside what."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import structlog
from hypothesis import HealthCheck, settings

settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("repeatable")  # a run tells of the change it is for; --hypothesis-profile=default explores

WHOLE_MACHINE: Final = ("test_up", "test_chaos", "test_hostile_node", "test_full_disk", "test_shm_proof")
"""Take all they get, so no two of them meet."""
CLIENTS: Final = ("test_bad_input", "test_cli", "test_foreign_clients", "test_readme")
"""Share a platform."""
_GROUP_OF: Final = dict.fromkeys(WHOLE_MACHINE, "whole machine") | dict.fromkeys(CLIENTS, "clients")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests one worker runs one after the other (a file or a group of files), and begin with long groups.

    So no worker is left alone with one in the end, and "whole machine" has the unit tests beside it.
    """
    items.sort(key=_place)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_GROUP_OF.get(item.path.stem, _file(item.path))))


def _place(item: pytest.Item) -> int:
    """In the run; within one, it is as collected."""
    name = item.path.stem
    if name in WHOLE_MACHINE:
        return WHOLE_MACHINE.index(name)
    is_unit = item.get_closest_marker("integration") is None
    return len(WHOLE_MACHINE) + (0 if is_unit else 1 if name in CLIENTS else 2)


def _file(path: Path) -> str:
    return path.relative_to(Path(__file__).parent).with_suffix("").as_posix()


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A test that starts logs does so for itself: they would be written to its own captured, closed standard error."""
    yield
    structlog.reset_defaults()
