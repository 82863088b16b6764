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

GROUPS: Final = {
    "whole machine": ("test_up", "test_chaos", "test_hostile_node", "test_full_disk"),
    "clients": ("test_bad_input", "test_cli", "test_foreign_clients", "test_readme"),
}
"""Test files that one worker runs one after the other: those that take all the machine they get, of which no two are to
meet, and those that share a platform. Any other file is a group of its own."""
_GROUP_OF: Final = {name: group for group, names in GROUPS.items() for name in names}
_LAST: Final = len(_GROUP_OF)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long groups first, so that no worker is left alone with one in the end."""
    places = {name: place for place, name in enumerate(_GROUP_OF)}
    items.sort(key=lambda item: places.get(item.path.stem, _LAST))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_GROUP_OF.get(item.path.stem, _path(item.path))))


def _path(of: Path) -> str:
    return of.relative_to(Path(__file__).parent).with_suffix("").as_posix()


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A test that starts logs does so for itself: they would be written to its own captured, closed standard error."""
    yield
    structlog.reset_defaults()
