"""What every test gets."""

from collections.abc import Iterator

import pytest
import structlog
from fakes.tested_source import processes_of_tested_source

processes_of_tested_source()


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A test that starts logs does so for itself: they would be written to its own captured, closed standard error."""
    yield
    structlog.reset_defaults()
