"""`solquote record`: capture pools and all their accounts from an RPC node into a file `verify-quotes` reads."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from quote_core.addresses import redacted_url
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import InvalidField
from quote_core.rpc_addresses import RpcAddress
from quote_core.settings import PlatformSettings
from quote_core.tokens import checked_mint
from quote_core.units import Pubkey
from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.output import answer_json, make_console

__all__ = ["record"]

_MS_PER_S = 1_000


def record(
    pools: Annotated[list[str], typer.Argument(help="Addresses of pools of one DEX", metavar="POOL...")],
    *,
    output: Annotated[Path, typer.Option("-o", "--output", help="File to write", metavar="FILE")],
    timeout: Timeout = 10.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Capture pools with every account they depend on, at one slot, for tests and `verify-quotes`."""
    platform = PlatformSettings.load(environ=found_environment(data_dir))
    addresses = [checked_mint(pool, field="POOL") for pool in dict.fromkeys(pools)]
    import asyncio  # noqa: PLC0415  # loaded for the call only

    document = asyncio.run(_captured(addresses, platform.rpc_addresses(), timeout_ms=int(timeout * _MS_PER_S)))
    try:
        output.write_text(json.dumps(document, indent=1) + "\n")
    except OSError as error:
        raise InvalidField("--output", f"{output} cannot be written: {error.strerror}") from None
    found = {
        "file": str(output),
        "dex": document["dex"],
        "slot": document["slot"],
        "accounts": len(document["accounts"]),
    }
    if as_json:
        answer_json(found)
    else:
        make_console().print(
            f"{found['accounts']} accounts of {found['dex']} at slot {found['slot']} in {output}", highlight=False
        )


async def _captured(addresses: list[Pubkey], nodes: Sequence[RpcAddress], *, timeout_ms: int) -> dict[str, Any]:
    from quote_core.solana import RpcClient, open_endpoints  # noqa: PLC0415  # loaded for the call only
    from quote_core.telemetry.logs import start_logs  # noqa: PLC0415  # the same
    from solquote.recording import capture  # noqa: PLC0415  # with every DEX

    start_logs("solquote", "error")
    async with open_endpoints(nodes, clock=SYSTEM_CLOCK) as endpoints:
        rpc = RpcClient(endpoints=endpoints, clock=SYSTEM_CLOCK, timeout_ms=timeout_ms)
        source = ", ".join(f"RPC node {redacted_url(node.url)}" for node in nodes)
        return await capture(addresses, rpc.get_multiple_accounts, rpc.get_provenance, source=source)
