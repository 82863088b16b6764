"""One platform for all tests that ask it as its clients and operators do."""

from collections.abc import Iterator

import pytest
from fakes.otlp_collector import Collector, collecting
from fakes.running_platform import RunningPlatform


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """Where the platform sends its spans."""
    with collecting() as running:
        yield running


@pytest.fixture(scope="package")
def client_platform(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[RunningPlatform]:
    """The platform as clients meet it, healthy, and left so by every test; whoever breaks the quotes starts another.

    It traces all it does, as no operator would: everything here is asked of it all the same.

    Ended with the last test here: twelve idle processes would slow down every test after it.
    """
    environ = {
        "SOLQUOTE_TRACE_EXPORTER": "otlp",
        "SOLQUOTE_TRACE_ENDPOINT": collector.url,
        "SOLQUOTE_TRACE_SAMPLE": "1",
    }
    with RunningPlatform(tmp_path_factory.mktemp("clients"), environ=environ) as running:
        running.until_healthy()
        yield running
