"""Profiles of real processes, which go on with their work meanwhile."""

import json
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

import grpc
import pytest
from fakes.running_platform import COMMAND_S, RunningPlatform, solquote
from fakes.speedscope import check_speedscope, functions_of

from quote_core.generated.solquote.v1 import quote_aggregator_pb2, quote_aggregator_pb2_grpc
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

SOL, USDC = (token.mint for token in list(load_tokens())[:2])
REQUEST = quote_aggregator_pb2.AggregatedQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=10**9)


IN_HAND_COUNT = 32
"""One at a time, a process on an idle virtual machine wakes for each, and is seldom seen at work."""
TRIES_MAX = 5
"""A process that gets next to no processor is hardly seen at work."""


def is_get_quote(name: str) -> bool:
    return name.startswith("aggregator.servicer.") and name.endswith(".get_quote")


def profile_of_a_busy_aggregator(platform: RunningPlatform, output: Path) -> tuple[Any, int]:
    """What the command says, and how many quotes were answered while it ran."""
    command = [sys.executable, "-m", "solquote", "profile", "aggregator", "--seconds", "3", "--json", "--timeout", "60"]
    answers = 0
    with (
        subprocess.Popen(
            [*command, "--output", str(output), "--data-dir", str(platform.data_dir)], stdout=subprocess.PIPE, text=True
        ) as process,
        grpc.insecure_channel(platform.environment["SOLQUOTE_AGGREGATOR_ADDRESS"]) as channel,
    ):
        stub = quote_aggregator_pb2_grpc.QuoteAggregatorServiceStub(channel)
        in_hand = deque(stub.GetQuote.future(REQUEST, timeout=COMMAND_S) for _ in range(IN_HAND_COUNT))
        while process.poll() is None:
            assert in_hand.popleft().result().local.output_amount > 0
            in_hand.append(stub.GetQuote.future(REQUEST, timeout=COMMAND_S))
            answers += 1
        assert process.returncode == 0
        assert process.stdout is not None
        return json.loads(process.stdout.read()), answers


def test_a_busy_process_is_found_in_what_keeps_it_busy_and_answers_meanwhile(
    client_platform: RunningPlatform, tmp_path: Path
):
    pid = client_platform.pids()["aggregator"]
    output = tmp_path / "aggregator.json"
    for _ in range(TRIES_MAX):
        told, answers = profile_of_a_busy_aggregator(client_platform, output)
        assert (told["process"], told["pid"], told["file"]) == ("aggregator", pid, str(output))
        assert answers > 3
        document = json.loads(output.read_text())
        check_speedscope(document)
        stacks = functions_of(document)
        assert all("quote_core.process.run_process" in stack for stack in stacks)  # the event loop's thread
        if found := any(is_get_quote(name) for stack in stacks for name in stack):
            break
    assert found
    assert sum(document["profiles"][0]["weights"]) >= 3
    assert 0 < sum(each["fraction"] for each in told["hottest"]) <= 1 + 1e-9
    assert not (client_platform.data_dir / "profiles").exists()
    assert client_platform.pids()["aggregator"] == pid


def test_progress_is_on_standard_error_and_the_hottest_functions_are_the_answer(
    client_platform: RunningPlatform, tmp_path: Path
):
    output = tmp_path / "planner.json"
    ended = solquote(
        "profile",
        "planner",
        "--seconds",
        "0.5",
        "-o",
        str(output),
        "--timeout",
        "60",
        data_dir=client_platform.data_dir,
    )
    assert ended.returncode == 0, ended.stderr
    pid = client_platform.pids()["planner"]
    assert ended.stderr.splitlines() == [
        f"solquote: planner, process {pid}, is asked for a profile",
        "solquote: it is looked at for 0.5 s",
    ]
    *hottest, last = ended.stdout.splitlines()
    assert any("selectors.EpollSelector.select" in line for line in hottest)
    assert last == f"{output}: open it at https://www.speedscope.app, which keeps it in the browser"
    check_speedscope(json.loads(output.read_text()))
