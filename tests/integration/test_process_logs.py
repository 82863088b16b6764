"""One process as it runs alone: its level is changed while it runs, and no secret of its settings is in its lines."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import grpc
import pytest
from fakes.ports import free_port
from fakes.waiting import eventually

from quote_core.generated.solquote.v1 import external_quote_pb2, external_quote_pb2_grpc
from quote_core.running.log_levels import set_levels
from quote_core.tokens import load_tokens

pytestmark = pytest.mark.integration

SECRETS = {
    "jupiter_api_key": "jup-key-0123456789",
    "jupiter_url": "jup-url-0123456789",
    "rpc_url": "rpc-url-0123456789",
    "nats_url": "nats-pass-0123456789",
    "trace_endpoint": "trace-key-0123456789",
    "otlp_headers": "otlp-header-0123456789",
}
EXIT_S = 60.0
SOL, USDC = (token.mint for token in list(load_tokens())[:2])


def environment(folder: Path, port: int) -> dict[str, str]:
    """Every secret set, and nobody where it leads to: what cannot be reached is what gets into errors."""
    nobody = f"127.0.0.1:{free_port()}"
    return {name: value for name, value in os.environ.items() if not name.startswith(("SOLQUOTE_", "OTEL_"))} | {
        "SOLQUOTE_DATA_DIR": str(folder),
        "SOLQUOTE_EXTERNAL_QUOTE_GRPC_PORT": str(port),
        "SOLQUOTE_EXTERNAL_QUOTE_METRICS_PORT": "0",
        "SOLQUOTE_EXTERNAL_QUOTE_JUPITER_API_KEY": SECRETS["jupiter_api_key"],
        "SOLQUOTE_EXTERNAL_QUOTE_JUPITER_URL": f"http://{nobody}/{SECRETS['jupiter_url']}",
        "SOLQUOTE_RPC_URL": f"http://{nobody}/{SECRETS['rpc_url']}",
        "SOLQUOTE_NATS_URL": f"nats://somebody:{SECRETS['nats_url']}@{nobody}",
        "SOLQUOTE_TRACE_EXPORTER": "otlp",
        "SOLQUOTE_TRACE_SAMPLE": "1",
        "SOLQUOTE_TRACE_ENDPOINT": f"http://{nobody}/v1/traces?key={SECRETS['trace_endpoint']}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{SECRETS['otlp_headers']}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }


async def test_a_running_process_changes_its_level_and_tells_no_secret_even_in_the_errors_of_libraries(tmp_path: Path):
    port, log = free_port(), tmp_path / "stderr"

    def told(event: str) -> bool:
        return any(line.get("event", "").startswith(event) for line in map(json.loads, log.read_text().splitlines()))

    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "external_quote", env=environment(tmp_path, port), stderr=stderr
        )
        try:
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = external_quote_pb2_grpc.ExternalQuoteServiceStub(channel)
                request = external_quote_pb2.ExternalQuoteRequest(input_mint=SOL, output_mint=USDC, input_amount=10**9)
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await stub.GetQuote(request, wait_for_ready=True)
            await eventually(lambda: told("Transient error"))
            set_levels(tmp_path, ["external_quote"], "debug")
            await eventually(lambda: told("another level is logged from now on"))
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(EXIT_S):
                assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    written = log.read_text() + str(refused.value.details())
    assert [name for name, secret in SECRETS.items() if secret in written] == []
    assert "(secret)" in log.read_text()
