"""`solquote nats-config`: what a NATS server or cluster of one's own needs to carry the platform."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from quote_core.addresses import with_port
from quote_core.errors import InvalidField
from solquote.commands.options import Json
from solquote.nats_setup import GIGABYTE, MONITOR_ABOVE, NatsNode, NatsSetup, write_nats_setup
from solquote.output import answer_json, make_console

__all__ = ["nats_config"]

_NODE: Final = re.compile(r"(?P<host>[^\s:/@]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?")
_PORT_MAX: Final = 65_535 - MONITOR_ABOVE


def nats_config(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write it; keys that are there stay")],
    *,
    node: Annotated[
        list[str] | None,
        typer.Option("--node", metavar="HOST[:PORT]", help="Where a server is found; repeat it for a cluster"),
    ] = None,
    listen: Annotated[str, typer.Option(help="Address each server listens on")] = "127.0.0.1",
    monitor: Annotated[str, typer.Option(help="Address of its monitoring, which asks for no secret")] = "127.0.0.1",
    store: Annotated[Path, typer.Option(help="Folder of its streams, on its machine")] = Path("/data"),
    tls: Annotated[
        Path | None, typer.Option(metavar="DIR", help="There: tls.crt, tls.key and ca.crt, and TLS is asked for")
    ] = None,
    disk: Annotated[
        int | None,
        typer.Option(
            metavar="GB", min=1, help="What a server's streams may take of its disk; by default all they need"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the configuration of a NATS server, or of each of a cluster, with the platform's users and their keys.

    One file a server (nats-0.conf, ...), and the secrets that the processes show in the folder `credentials`: all for
    its owner alone. Printed is what the platform has to be told. `solquote up` configures its own server by itself.
    """
    nodes = [_node(text) for text in node or ["127.0.0.1"]]
    if len(set(nodes)) < len(nodes):
        raise InvalidField("--node", "names a server twice")
    disk_bytes = None if disk is None else disk * GIGABYTE
    setup = NatsSetup(nodes=nodes, listen=listen, monitor=monitor, store=store, tls=tls, disk_bytes=disk_bytes)
    configurations = write_nats_setup(folder, setup)
    settings = {
        "SOLQUOTE_NATS_URL": setup.urls,
        "SOLQUOTE_NATS_CREDENTIALS": str((folder / "credentials").absolute()),
        "SOLQUOTE_INITIALIZER_REPLICAS": str(setup.replica_count),
    }
    if tls:
        settings["SOLQUOTE_NATS_TLS_CA"] = str(tls / "ca.crt")
    if as_json:
        answer_json({"servers": [str(path.absolute()) for path in configurations], "settings": settings})
        return
    lines = ["Start each server with its own:"]
    for path, where in zip(configurations, nodes, strict=True):
        lines.append(f"  nats-server --config {path}  # {with_port(where.host, where.port)}")
    lines += ["and the platform with:", *(f"  {name}={value}" for name, value in settings.items())]
    make_console().print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)


def _node(text: str) -> NatsNode:
    found = _NODE.fullmatch(text)
    port = int(found["port"] or 4222) if found else 0
    if found is None or not 0 < port <= _PORT_MAX:
        raise InvalidField("--node", f"must be HOST or HOST:PORT, the port up to {_PORT_MAX}, got {text[:64]!r}")
    return NatsNode(found["host"].strip("[]"), port)
