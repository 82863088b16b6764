"""`solquote up`: run the whole platform until told to stop."""

import os
from pathlib import Path
from typing import Annotated

import typer

from solquote.commands.options import DATA_DIR_VARIABLE, DataDir, Json, with_options

__all__ = ["up"]


def up(
    *,
    rpc_url: Annotated[str | None, typer.Option(help="Solana RPC node to use instead of the recorded market")] = None,
    nats_url: Annotated[str | None, typer.Option(help="NATS server to use instead of an embedded one")] = None,
    jupiter_url: Annotated[str | None, typer.Option(help="Jupiter API to use instead of the local stand-in")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the recorded market's swaps", min=0)] = None,
    shm_dir: Annotated[Path | None, typer.Option(help="Folder of the quote files")] = None,
    data_dir: DataDir = None,
    free_ports: Annotated[
        bool, typer.Option("--free-ports", help="Take free ports and quote files apart, to run beside another platform")
    ] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Show every process's log, prefixed with its name")] = False,
    as_json: Json = False,
) -> int:
    """Run the whole platform: on the recorded market unless told otherwise, until Ctrl-C."""
    environ = with_options(
        os.environ,
        {
            "SOLQUOTE_RPC_URL": rpc_url,
            "SOLQUOTE_NATS_URL": nats_url,
            "SOLQUOTE_EXTERNAL_QUOTE_JUPITER_URL": jupiter_url,
            "SOLQUOTE_RECORDED_MARKET_SEED": seed,
            "SOLQUOTE_SHM_DIR": shm_dir,
            DATA_DIR_VARIABLE: data_dir,
        },
    )
    from solquote.platform_run import run_platform  # noqa: PLC0415  # all that a platform takes is loaded here

    return run_platform(environ, free_ports=free_ports, show_logs=logs, as_json=as_json)
