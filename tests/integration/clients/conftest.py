"""One platform for all tests that ask it as its clients and operators do."""

from collections.abc import Iterator

import pytest
from fakes.running_platform import RunningPlatform


@pytest.fixture(scope="package")
def client_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """The platform as clients meet it, healthy, and left so by every test; whoever breaks the quotes starts another.

    Ended with the last test here: twelve idle processes would slow down every test after it.
    """
    with RunningPlatform(tmp_path_factory.mktemp("clients")) as running:
        running.until_healthy()
        yield running
