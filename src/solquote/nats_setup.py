"""What a NATS server, or a cluster of them, needs to carry the platform: a configuration each, the users, their keys.

    FOLDER/nats-0.conf, nats-1.conf, ...   one a server, in the order named; `nats-server --config nats-0.conf`
    FOLDER/credentials/<role>              the secret of each process, for SOLQUOTE_NATS_CREDENTIALS
    FOLDER/routes.secret                   what the servers show each other; it is in their configurations, too

Written again, keys stay as they are, so that servers and processes need not be changed at one moment. Servers find
each other at the hosts by which the platform finds them; of a server at port 4222 others find the routes at 6222, and
this machine its monitoring at 8222: that far above the port there, too.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from quote_core.addresses import with_port
from quote_core.bus.permissions import BusRole
from solquote.nats_users import authorization, kept_secret, made_keys, quoted, write_private

__all__ = [
    "GIGABYTE",
    "MONITOR_ABOVE",
    "ROUTES_ABOVE",
    "NatsNode",
    "NatsSetup",
    "streams_need_bytes",
    "write_nats_setup",
]

GIGABYTE: Final = 1_000_000_000
ROUTES_ABOVE: Final = 2_000
MONITOR_ABOVE: Final = 4_000
_ROUTE_USER: Final = "route"
_SECRET_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class NatsNode:
    """Where one server is found."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsSetup:
    """What is asked for.

    Attributes:
        nodes: The servers; more than one are a cluster.
        listen: Address on which each listens for clients and for the others.
        monitor: The same for its monitoring, which asks for no secret.
        store: Folder of JetStream's files on the server's machine; of several on one machine each has one in it.
        tls: Folder there with `tls.crt`, `tls.key` and `ca.crt`; `None` = no TLS.
        disk_bytes: What the streams of a server may take of its disk, and are made to fit; `None` = all they need.
    """

    nodes: Sequence[NatsNode]
    listen: str
    monitor: str
    store: Path
    tls: Path | None = None
    disk_bytes: int | None = None

    @property
    def urls(self) -> str:
        """How the platform finds them, for SOLQUOTE_NATS_URL."""
        scheme = "tls" if self.tls else "nats"
        return ",".join(f"{scheme}://{with_port(node.host, node.port)}" for node in self.nodes)

    @property
    def replica_count(self) -> int:
        """Of each stream: an odd number, so that most of them are more than half; five at most."""
        return 5 if len(self.nodes) >= 5 else 3 if len(self.nodes) >= 3 else 1


def write_nats_setup(folder: Path, setup: NatsSetup) -> list[Path]:
    """Write everything for its owner alone.

    Returns:
        The servers' configurations, in the order of `setup.nodes`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    public_nkeys = made_keys(folder / "credentials")
    secret_path = folder / "routes.secret"
    route_secret = kept_secret(secret_path)
    if not route_secret:
        route_secret = secrets.token_hex(_SECRET_BYTES)
        write_private(secret_path, route_secret + "\n")
    written = []
    for position in range(len(setup.nodes)):
        path = folder / f"{_name(position)}.conf"
        write_private(path, "\n".join((*_configuration(setup, position, public_nkeys, route_secret), "")))
        written.append(path)
    return written


def streams_need_bytes() -> int:
    """What all streams on disk fill at the promised rates, and a little for leases."""
    from pipeline.initializer.streams import STREAMS  # noqa: PLC0415  # with the NATS client, which help does not need

    return sum(plan.need_bytes for plan in STREAMS if plan.storage == "file") + GIGABYTE


def _name(position: int) -> str:
    return f"nats-{position}"


def _configuration(
    setup: NatsSetup, position: int, public_nkeys: Mapping[BusRole, str], route_secret: str
) -> Iterator[str]:
    node = setup.nodes[position]
    yield f"server_name: {_name(position)}"
    yield f"listen: {quoted(with_port(setup.listen, node.port))}"
    yield f"http: {quoted(with_port(setup.monitor, node.port + MONITOR_ABOVE))}"
    yield "jetstream {"
    yield f"  store_dir: {quoted(str(setup.store / _name(position)))}"
    yield "  sync_interval: always"  # what is acknowledged is on the disk, not in a cache that a power failure forgets
    # Else it is three quarters of what is free at each start: less free than before, and it would not load its streams.
    yield f"  max_file_store: {setup.disk_bytes or streams_need_bytes()}"
    yield "}"
    if setup.tls:
        yield from _tls(setup.tls)
    if len(setup.nodes) > 1:
        yield from _cluster(setup, position, route_secret)
    yield from authorization(public_nkeys)


def _cluster(setup: NatsSetup, position: int, route_secret: str) -> Iterator[str]:
    yield "cluster {"
    yield "  name: solquote"
    yield f"  listen: {quoted(with_port(setup.listen, setup.nodes[position].port + ROUTES_ABOVE))}"
    yield "  no_advertise: true"  # the platform is told of all; what they would tell is no name of a certificate
    yield f"  authorization {{ user: {_ROUTE_USER}, password: {quoted(route_secret)}, timeout: 5 }}"
    yield "  routes: ["
    for other, node in enumerate(setup.nodes):
        if other != position:
            place = with_port(node.host, node.port + ROUTES_ABOVE)
            yield f"    {quoted(f'nats-route://{_ROUTE_USER}:{route_secret}@{place}')}"
    yield "  ]"
    if setup.tls:
        yield from (f"  {line}" for line in _tls(setup.tls))
    yield "}"


def _tls(folder: Path) -> Iterator[str]:
    yield "tls {"
    for setting, name in (("cert_file", "tls.crt"), ("key_file", "tls.key"), ("ca_file", "ca.crt")):
        yield f"  {setting}: {quoted(str(folder / name))}"
    yield "  timeout: 5"
    yield "}"
