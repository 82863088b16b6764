from dataclasses import dataclass

import pytest
from aiohttp import ClientSession

from quote_core.errors import ProviderUnavailable
from quote_core.telemetry.metrics import MetricsPage
from quote_core.web.metrics_endpoint import serve_metrics
from solquote.supervisor.ports import bound_hosts


@dataclass(frozen=True)
class Settings:
    section: str = "sample"
    metrics_port: int = 0


async def test_the_page_is_served_to_this_machine_alone_and_nothing_else_is():
    async with serve_metrics(MetricsPage(Settings())) as port, ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            assert "process_cpu_seconds_total" in await answer.text()
        for verb, path, status in (("GET", "/", 404), ("GET", "/metrics/x", 404), ("POST", "/metrics", 405)):
            async with session.request(verb, path) as answer:
                assert answer.status == status
        assert bound_hosts(port) == {"127.0.0.1"}


async def test_a_port_that_is_taken_is_told_with_the_setting_that_names_it():
    async with serve_metrics(MetricsPage(Settings())) as port:
        with pytest.raises(
            ProviderUnavailable, match=f"127.0.0.1:{port}: .*in use; SOLQUOTE_SAMPLE_METRICS_PORT names"
        ):
            async with serve_metrics(MetricsPage(Settings(metrics_port=port))):
                pytest.fail("two on one port")
