"""From settings to the processes to run: which parts are embedded, on which ports, with which environment.

A part that a setting names explicitly (`--rpc-url`, `--nats-url`, the address of a service) is somebody else's and is
not started. Everything is settled here, before anything starts, so that every mistake is told at once.
"""

import os
import secrets
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from quote_core.addresses import dialled, is_loopback, servers_of, with_port
from quote_core.bus.access import credentials_folder
from quote_core.environment import given
from quote_core.settings import (
    CONFIG_VARIABLE,
    PlatformSettings,
    ServiceSettings,
    SettingsError,
    environment_name,
    load_together,
)
from shm.files import MEMORY_DIRECTORY, default_directory
from solquote.processes import METRICS_PORT, NATS, SERVICES, Service, ServicePort, SettingName
from solquote.setting_models import all_models
from solquote.settings import UpSettings
from solquote.supervisor.nats_server import find_nats_server
from solquote.supervisor.ports import KeptPorts
from solquote.supervisor.specification import EmbeddedNats, ProcessSpec

__all__ = [
    "ListenAddress",
    "Plan",
    "PlatformModels",
    "make_plan",
    "meant_listeners",
    "private_shm_dir",
    "started_services",
]


@dataclass(frozen=True, slots=True)
class PlatformModels:
    """All settings, valid."""

    platform: PlatformSettings
    up: UpSettings
    services: Mapping[str, ServiceSettings]

    @classmethod
    def load(cls, environ: Mapping[str, str]) -> "PlatformModels":
        """Read every model.

        Raises:
            SettingsError: All mistakes in all of them.
        """
        loaded = load_together(all_models(), environ=environ)
        platform, up = loaded.pop("platform"), loaded.pop("up")
        assert isinstance(platform, PlatformSettings)
        assert isinstance(up, UpSettings)
        return cls(platform, up, loaded)

    def is_given(self, name: SettingName) -> bool:
        """Whether the operator set it, in the environment or the file."""
        model = self.platform if name.section == "platform" else self.services[name.section]
        return name.field in model.model_fields_set


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddress:
    """A port that will be listened on."""

    host: str
    port: int
    owner: str
    """The process."""
    host_setting: SettingName | None
    """What says `host`; None when nothing can."""

    @property
    def is_open(self) -> bool:
        """Whether other machines reach what is meant for this one."""
        return not self.is_quote_api and not is_loopback(self.host)

    @property
    def is_quote_api(self) -> bool:
        """Whether it may be meant for other machines; the rest never is."""
        return self.host_setting == _QUOTE_HOST

    @property
    def host_variable(self) -> str:
        """What an operator sets to move it; empty when nothing does."""
        return environment_name(self.host_setting.section, self.host_setting.field) if self.host_setting else ""


_GRPC_LEVEL: Final = "GRPC_VERBOSITY"
"""gRPC's core writes lines of its own, at its default level one for every stranger whose handshake fails."""
_QUOTE_HOST: Final = SettingName("platform", "host")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `solquote up` runs."""

    processes: tuple[ProcessSpec, ...]
    environment: Mapping[str, str]
    """What every child gets over the supervisor's own environment."""
    listeners: tuple[ListenAddress, ...]
    data_dir: Path
    shm_dir: Path
    slot_file: Path
    """Where the recorded market keeps its slot while the platform runs."""
    shm_dir_is_ours: bool
    """Whether the quote files' folder ends with the platform: a private one on tmpfs, or one that was not there."""
    nats: EmbeddedNats | None
    """None when another NATS server is used."""

    @property
    def ports(self) -> Mapping[int, str]:
        """Every port that will be listened on, and by whom."""
        return {listener.port: listener.owner for listener in self.listeners}

    def warnings(self) -> list[str]:
        """A sentence for each listener that other machines reach though it is not a quote API."""
        return [
            f"{one.host_variable} lets other machines reach {one.owner} at {with_port(one.host, one.port)}"
            for one in self.listeners
            if one.is_open
        ]


def make_plan(models: PlatformModels, environ: Mapping[str, str], *, free_ports: bool, kept_ports: KeptPorts) -> Plan:
    """Settle everything.

    Args:
        models: What the operator set.
        environ: Environment they came from.
        free_ports: Take free ports instead of the configured ones, and a quote files' folder of its own.
        kept_ports: Where free ports are taken from; they are wanted for as long as the platform runs.

    Raises:
        SettingsError: Two processes want the same port.
        ProviderUnavailable: There is no nats-server binary.
    """
    ports = _Ports(kept_ports, free=free_ports)
    data_dir = models.platform.data_folder()
    shm_dir, shm_dir_is_ours = _shm_dir(models.platform, beside=free_ports)
    services = started_services(models)
    nats = None if models.is_given(SettingName("platform", "nats_url")) else _nats(models.up, ports, data_dir)
    slot_file = data_dir / "recorded-market.slot"
    environment = {
        environment_name("recorded_market", "slot_file"): str(slot_file),
        environment_name("platform", "shm_dir"): str(shm_dir),
        environment_name("platform", "data_dir"): str(data_dir),
        environment_name("platform", "run_id"): models.platform.run_id or _run_id(services),
    }
    if config := given(environ).get(CONFIG_VARIABLE):  # so that who looks from elsewhere reads the same file
        environment[CONFIG_VARIABLE] = str(Path(config).absolute())
    if nats:
        environment[environment_name("platform", "nats_url")] = f"nats://{with_port(dialled(nats.host), nats.port)}"
        environment[environment_name("up", "nats_monitor_port")] = str(nats.monitor_port)
        environment[environment_name("platform", "nats_credentials")] = str(credentials_folder(data_dir))
    addresses = {}
    for service in services:
        addresses[service.name], settings = _place(service, models, ports)
        environment |= settings
    running = {service.name for service in services} | ({NATS} if nats else set())
    inherited = {_GRPC_LEVEL: "ERROR", **environ, **environment}
    specs = [_nats_spec(nats, inherited)] if nats else []
    specs += [
        _spec(service, addresses[service.name], running, inherited, models.services[service.name])
        for service in services
    ]
    return Plan(
        processes=tuple(specs),
        environment=environment,
        listeners=tuple(ports.listeners),
        data_dir=data_dir,
        shm_dir=shm_dir,
        slot_file=slot_file,
        shm_dir_is_ours=shm_dir_is_ours,
        nats=nats,
    )


CHAIN_RUN: Final = "chain"
"""The run of every platform on a chain: one account, however often the platform starts."""


def _run_id(services: Iterable[Service]) -> str:
    """Name the run: a recorded market begins anew with every start, and so does the account of who trades on it."""
    if all(service.module != "recorded_market" for service in services):
        return CHAIN_RUN
    return f"recorded-{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


class _Ports:
    """Gives ports out, each once."""

    def __init__(self, kept: KeptPorts, *, free: bool) -> None:
        self.listeners: list[ListenAddress] = []
        self._kept = kept
        self._free = free

    def take(self, configured: int, owner: str, *, host: str, host_setting: SettingName | None, span: int = 1) -> int:
        """`span` ports from the configured one on, or from a free one."""
        owners = {listener.port: listener.owner for listener in self.listeners}
        is_any = self._free or configured == 0
        first = self._kept.take(host, span=span, avoid=owners) if is_any else configured
        for port in range(first, first + span):
            if port in owners:
                raise SettingsError([f"port {port} is wanted by both {owners[port]} and {owner}"])
            owners[port] = owner
            self.listeners.append(ListenAddress(host=host, port=port, owner=owner, host_setting=host_setting))
        return first


def _shm_dir(platform: PlatformSettings, *, beside: bool) -> tuple[Path, bool]:
    """The quote files' folder, and whether it is ours to remove."""
    if platform.shm_dir:
        folder = platform.shm_dir.absolute()
        return folder, not folder.exists()
    if beside:
        return private_shm_dir(os.getpid()), True
    folder = default_directory()
    return folder, folder.is_relative_to(MEMORY_DIRECTORY)


def private_shm_dir(pid: int) -> Path:
    """The quote files' folder of a platform that runs beside others."""
    return MEMORY_DIRECTORY / f"solquote-{os.getuid()}-{pid}"


def started_services(models: PlatformModels) -> list[Service]:
    """Those that a platform with these settings runs itself."""
    return [service for service in SERVICES if _is_wanted(service, models) and not _is_elsewhere(service, models)]


def _is_wanted(service: Service, models: PlatformModels) -> bool:
    """Whether what it is there for is set; written down as nothing it is not."""
    settings = models.services[service.name]
    return not service.only_with or any(getattr(settings, field) for field in service.only_with)


def _is_elsewhere(service: Service, models: PlatformModels) -> bool:
    """Whether the operator said where in the platform's settings the service is to be found."""
    names = [name for port in service.ports for name in (port.address_in, port.url_in, port.urls_in) if name]
    return any(name.section == "platform" and models.is_given(name) for name in names)


def _place(service: Service, models: PlatformModels, ports: _Ports) -> tuple[str, dict[str, str]]:
    """Settle a service's ports.

    Returns:
        Where it is found, and the settings that tell everybody.
    """
    told: dict[SettingName, str] = {}
    reached = ""
    for port in (*service.ports, METRICS_PORT):
        own_settings = models.services[service.name]
        host = _host(port, own_settings, models)
        configured = getattr(own_settings, port.field)
        number = ports.take(
            configured, service.name, host=host, host_setting=_host_setting(service, port), span=port.span
        )
        address = with_port(dialled(host), number)
        if port is not METRICS_PORT:
            reached = f"{reached},{number}" if reached else address
        if port.address_in:
            told[port.address_in] = address
        if port.url_in:
            told[port.url_in] = f"http://{address}"
        told[SettingName(service.name, port.field)] = str(number)
    own = {name for name in told if name.section == service.name}
    told |= service.suggests
    settings = {
        environment_name(name.section, name.field): value
        for name, value in told.items()
        if name in own or not models.is_given(name)
    }
    return reached, settings


def _nats(up: UpSettings, ports: _Ports, data_dir: Path) -> EmbeddedNats:
    return EmbeddedNats(
        host=up.nats_host,
        port=ports.take(up.nats_port, NATS, host=up.nats_host, host_setting=SettingName("up", "nats_host")),
        monitor_host=up.nats_monitor_host,
        monitor_port=ports.take(
            up.nats_monitor_port, NATS, host=up.nats_monitor_host, host_setting=SettingName("up", "nats_monitor_host")
        ),
        data_folder=data_dir,
    )


def _nats_spec(nats: EmbeddedNats, environment: Mapping[str, str]) -> ProcessSpec:
    return ProcessSpec(
        name=NATS,
        command=(find_nats_server(), "--config", str(nats.configuration)),
        address=with_port(dialled(nats.host), nats.port),
        nats=nats,
        environment=environment,
    )


def meant_listeners(models: PlatformModels) -> list[ListenAddress]:
    """Every listener that a platform with these settings has on this machine."""
    meant = []
    servers, up = servers_of(models.platform.nats_url), models.up
    nats = urlsplit(servers[0])
    if len(servers) == 1 and is_loopback(nats.hostname or ""):
        for host, port, field in (
            (up.nats_host, nats.port or up.nats_port, "nats_host"),
            (up.nats_monitor_host, up.nats_monitor_port, "nats_monitor_host"),
        ):
            meant.append(ListenAddress(host=host, port=port, owner=NATS, host_setting=SettingName("up", field)))
    for service in SERVICES:
        if not _is_wanted(service, models):
            continue
        settings = models.services[service.name]
        for port_row in (*service.ports, METRICS_PORT):
            host, host_setting = _host(port_row, settings, models), _host_setting(service, port_row)
            first = getattr(settings, port_row.field)
            meant += [
                ListenAddress(host=host, port=port, owner=service.name, host_setting=host_setting)
                for port in range(first, first + port_row.span)
            ]
    return meant


def _host_setting(service: Service, port: ServicePort) -> SettingName | None:
    if port.host is not None:
        return None
    return SettingName(service.name, port.host_field) if port.host_field else _QUOTE_HOST


def _host(port: ServicePort, settings: ServiceSettings, models: PlatformModels) -> str:
    if port.host is not None:
        return port.host
    host: str = getattr(settings, port.host_field) if port.host_field else models.platform.host
    return host


def _spec(
    service: Service, address: str, running: set[str], environment: Mapping[str, str], settings: ServiceSettings
) -> ProcessSpec:
    return ProcessSpec(
        name=service.name,
        command=(sys.executable, "-m", service.module),
        needs=running.intersection(service.needs),
        feeds=running.intersection(service.feeds),
        finish_ns_max=getattr(settings, service.finishes_within) if service.finishes_within else 0,
        address=address,
        environment=environment,
    )
