"""The platform's processes as data: what runs, what it needs first, where it listens.

To change the start order or add a process, change the table below; `plan` turns it into commands and environments.
A process's name is also the section of its settings (`setting_models`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from quote_core.addresses import METRICS_HOST

__all__ = ["METRICS_PORT", "NATS", "SERVICES", "Service", "ServicePort", "SettingName"]

NATS: Final = "nats_server"
"""The one process that is not ours."""


@dataclass(frozen=True, slots=True)
class SettingName:
    """One setting of one section."""

    section: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePort:
    """A port a service listens on."""

    field: str
    """Of the service's settings."""
    host: str | None = None
    """The one address it listens on; None when a setting says."""
    host_field: str | None = None
    """The setting of its own address; None for a quote API, which follows the platform's."""
    span: int = 1
    """How many ports from there on it takes."""
    address_in: SettingName | None = None
    """Setting by which the others find it, as host:port."""
    url_in: SettingName | None = None
    """The same, as http://host:port."""
    urls_in: SettingName | None = None
    """Another setting by which the operator says that it is elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of our processes."""

    name: str
    module: str
    """Run with `python -m`."""
    needs: tuple[str, ...] = ()
    """Processes that must be healthy before it starts; one that is not run here is not waited for."""
    feeds: tuple[str, ...] = ()
    """Processes that work on what this one gives them: at a stop they end after it."""
    finishes_within: str = ""
    """The setting of its own that says how long what it has in hand may take when it is told to stop."""
    ports: tuple[ServicePort, ...] = ()
    """Of what it serves others; its metrics have `METRICS_PORT`."""
    only_with: tuple[str, ...] = ()
    """Settings of its own, one of which must be set for it to be run; empty = it always is."""
    suggests: Mapping[SettingName, str] = field(default_factory=lambda: MappingProxyType({}))
    """Settings of others that suit this process; what the operator sets wins."""


METRICS_PORT: Final = ServicePort(field="metrics_port", host=METRICS_HOST)
"""Of every service."""

SERVICES: Final = (
    Service(
        name="recorded_market",
        module="recorded_market",
        ports=(
            ServicePort(
                field="rpc_port",
                host_field="rpc_host",
                span=2,
                url_in=SettingName("platform", "rpc_url"),
                urls_in=SettingName("platform", "rpc_urls"),
            ),
            ServicePort(
                field="jupiter_port", host_field="jupiter_host", url_in=SettingName("external_quote", "jupiter_url")
            ),
        ),
        # The stand-in is ours: it may be asked far more often than a public API.
        suggests=MappingProxyType({SettingName("external_quote", "requests_per_s"): "50"}),
    ),
    Service(
        name="local_quote",
        module="local_quote",
        needs=("recorded_market",),
        ports=(ServicePort(field="grpc_port", address_in=SettingName("platform", "local_quote_address")),),
    ),
    Service(
        name="external_quote",
        module="external_quote",
        needs=("recorded_market",),
        ports=(ServicePort(field="grpc_port", address_in=SettingName("platform", "external_quote_address")),),
    ),
    Service(
        name="aggregator",
        module="aggregator",
        needs=("local_quote", "external_quote"),
        ports=(
            ServicePort(field="grpc_port", address_in=SettingName("platform", "aggregator_address")),
            ServicePort(field="http_port"),
        ),
    ),
    Service(name="initializer", module="pipeline.initializer", needs=(NATS,)),
    Service(
        name="system_manager",
        module="pipeline.system_manager",
        needs=("initializer",),
        ports=(
            ServicePort(
                field="http_port", host_field="http_host", address_in=SettingName("aggregator", "manager_address")
            ),
        ),
    ),
    Service(name="event_logger", module="pipeline.event_logger", needs=("initializer",)),
    Service(
        name="notifier",
        module="pipeline.notifier",
        needs=("initializer",),
        only_with=(
            "smtp_host",
            "slack_url",
            "slack_url_file",
            "discord_url",
            "discord_url_file",
            "telegram_token",
            "telegram_token_file",
            "pagerduty_key",
            "pagerduty_key_file",
        ),
    ),
    Service(name="auditor", module="pipeline.auditor", needs=("initializer",)),
    Service(
        name="executor",
        module="pipeline.executor",
        needs=("initializer", "local_quote"),
        feeds=("system_manager", "event_logger", "auditor"),
        finishes_within="stop_grace",
    ),
    Service(name="planner", module="pipeline.planner", needs=("initializer", "local_quote"), feeds=("executor",)),
    Service(name="scanner", module="pipeline.scanner", needs=("initializer", "aggregator"), feeds=("planner",)),
)
