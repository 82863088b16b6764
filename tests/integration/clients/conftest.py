"""One platform for all tests that ask it as its clients and operators do."""

from collections.abc import Iterator

import pytest
from fakes.hook_server import HookServer, hook_server_beside
from fakes.otlp_collector import Collector, collecting
from fakes.running_platform import EAGER, UNHURRIED, RunningPlatform

WEBHOOK_SECRET = "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """Where the platform sends its spans."""
    with collecting() as running:
        yield running


@pytest.fixture(scope="package")
def hooks() -> Iterator[HookServer]:
    """Where the platform tells people what happens."""
    with hook_server_beside() as server:
        yield server


@pytest.fixture(scope="package")
def client_platform(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector, hooks: HookServer
) -> Iterator[RunningPlatform]:
    """The platform as clients meet it, healthy, and left so by every test; whoever breaks the quotes starts another.

    It traces all it does, as no operator would, is eager to trade and takes its time to answer: everything is asked
    of it all the same. With somebody to tell, it has every process there is.

    Ended with the last test here: thirteen idle processes would slow down every test after it.
    """
    environ = (
        EAGER
        | UNHURRIED
        | {
            "SOLQUOTE_TRACE_EXPORTER": "otlp",
            "SOLQUOTE_TRACE_ENDPOINT": collector.url,
            "SOLQUOTE_TRACE_SAMPLE": "1",
            "SOLQUOTE_NOTIFIER_SLACK_URL": f"{hooks.url}/services/{WEBHOOK_SECRET}",
        }
    )
    with RunningPlatform(tmp_path_factory.mktemp("clients"), environ=environ) as running:
        running.until_healthy()
        yield running
