"""A real quote service that was ready, under the supervisor, when its node goes away for good."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from fakes.ports import free_port
from fakes.recorded_market_process import recorded_market_process
from fakes.waiting import eventually

from quote_core.clock import SYSTEM_CLOCK
from quote_core.running.status import ProcessState, ProcessView
from solquote.supervisor.child import ChildLimits
from solquote.supervisor.lifecycle import RestartPolicy
from solquote.supervisor.run import SupervisorStop, supervise
from solquote.supervisor.specification import ProcessSpec

pytestmark = pytest.mark.integration

LIMITS = ChildLimits(
    start_ns_max=60_000_000_000,
    silence_ns_max=60_000_000_000,
    log_size_max_bytes=100_000,
    log_count_max=3,
    restart=RestartPolicy(delay_ns_min=1_000_000, delay_ns_max=1_000_000, settled_after_ns=1),
)
QUICK = {"POOL_CACHE_STALENESS_THRESHOLD": "3s", "STALE_AFTER": "3s"}
"""So that it need not be waited for long until nothing may be quoted any more."""


class Last:
    """The view of one child."""

    def __init__(self) -> None:
        self.view = ProcessView(name="", state=ProcessState.WAITING, address="")

    def changed(self, view: ProcessView) -> None:
        self.view = view

    def told(self, name: str, sentence: str) -> None:
        """Not looked at."""

    def logged(self, name: str, line: str) -> None:
        """Not looked at."""


async def test_local_quote_is_unhealthy_and_left_running_once_its_node_is_gone_for_long(tmp_path: Path):
    seen, stop = Last(), SupervisorStop()
    with recorded_market_process() as node:
        own = {"GRPC_PORT": str(free_port())} | QUICK
        environment = {
            **os.environ,
            "SOLQUOTE_RPC_URL": node.rpc_url,
            "SOLQUOTE_RPC_WS_URL": node.websocket_url,
            **{f"SOLQUOTE_LOCAL_QUOTE_{name}": value for name, value in own.items()},
        }
        spec = ProcessSpec(name="local_quote", command=(sys.executable, "-m", "local_quote"), environment=environment)
        supervising = asyncio.create_task(
            supervise(
                [spec],
                limits=LIMITS,
                clock=SYSTEM_CLOCK,
                watcher=seen,
                log_dir=tmp_path,
                stop=stop,
                stop_ns_max=5_000_000_000,
            )
        )
        try:
            await eventually(lambda: seen.view.state is ProcessState.HEALTHY)
            pid = seen.view.pid
            node.process.kill()
            await eventually(lambda: seen.view.state is ProcessState.UNHEALTHY)
            assert "0 of 30 directions quoted" in seen.view.status
            assert seen.view.pid == pid
        finally:
            stop.ask()
            await supervising
