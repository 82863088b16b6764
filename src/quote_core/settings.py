"""Settings: one model a service, filled from a TOML file and the environment, every mistake reported at once.

Order of precedence: environment, file, default. The file is named by `SOLQUOTE_CONFIG`. A service's model derives
from `ServiceSettings` and names its section; field `grpc_port` of section `local_quote` is
`SOLQUOTE_LOCAL_QUOTE_GRPC_PORT` in the environment and `grpc_port` below `[local_quote]` in the file. What all services
share stands in section `platform`, whose variables have no section in their name: `SOLQUOTE_RPC_URL`. A field
may list further names in `validation_alias` (the specification's own, such as `AMM_REFRESH_INTERVAL`).

A name that no field has is a mistake in every process, with the nearest known name in the message (`setting_names`).
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, cast

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo

from quote_core.environment import NoHome, default_data_dir, given
from quote_core.rpc_addresses import RpcAddress, read_rpc_addresses, ws_url_of
from quote_core.setting_names import CONFIG_VARIABLE, PREFIX, unknown_names, unknown_sections, unknown_variables
from quote_core.setting_types import (
    Address,
    Amounts,
    DatabaseUrl,
    Duration,
    EntryCount,
    FilePath,
    Host,
    Hosts,
    HttpUrl,
    NatsUrls,
    Origins,
    Port,
    RedisUrl,
    RpcUrls,
    Secret,
    SlotCount,
    WebSocketUrl,
)
from quote_core.watch import DEFAULT_AMOUNTS

__all__ = [
    "CONFIG_VARIABLE",
    "PREFIX",
    "DatabaseUrl",
    "Duration",
    "FilePath",
    "GivenValue",
    "Host",
    "Hosts",
    "HttpUrl",
    "Origins",
    "PlatformSettings",
    "Port",
    "Secret",
    "SecretStr",
    "ServiceSettings",
    "SettingsError",
    "environment_name",
    "environment_names",
    "given_values",
    "load_settings",
    "load_together",
    "load_with_platform",
    "metrics_port_field",
    "misnamed",
    "read_section",
    "written",
]


class SettingsError(Exception):
    """One or more settings are wrong; the message has one line per mistake."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class ServiceSettings(BaseModel):
    """Base of every settings model; a subclass sets `section`."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        populate_by_name=True,
        defer_build=True,  # a command knows many sections by name, and reads few
    )
    section: ClassVar[str]

    @classmethod
    def load(cls, *, environ: Mapping[str, str] | None = None) -> Self:
        """See `load_settings`."""
        return load_settings(cls, environ=environ)


def metrics_port_field(default: int) -> Any:
    """The setting `metrics_port` of a process; what it tells of itself is for this machine, so there is no host."""
    return Field(default, description="Port of this process's Prometheus metrics on 127.0.0.1; 0 = a free one")


class PlatformSettings(ServiceSettings):
    """What all services share."""

    section: ClassVar[str] = "platform"

    host: Host = Field("127.0.0.1", description="Address the quote APIs listen on; everything else has its own")
    rpc_url: HttpUrl = Field("http://127.0.0.1:8899", min_length=1, description="Solana JSON-RPC endpoint")
    rpc_ws_url: WebSocketUrl = Field(
        "",
        description="Solana WebSocket endpoint; empty = rpc_url as ws (on loopback port + 1, as validators do)",
    )
    rpc_urls: RpcUrls = Field(
        (),
        description="Several Solana endpoints instead of rpc_url, with blanks between them, each "
        "URL|weight=1|roles=read,subscribe,send|ws=URL, of which only the URL must be there",
    )
    rpc_slot_lag_max: int = Field(
        10, ge=1, description="Of several endpoints, one whose slot is further behind is neither read from nor followed"
    )
    rpc_failover_after: Duration = Field(
        "500ms",
        gt=0,
        lt=1_000_000_000,
        description="How long one of several endpoints may take for a read before the next is asked; below 1s",
    )
    rpc_watch_interval: Duration = Field(
        "1s", ge=100_000_000, description="How often each of several endpoints is asked for its slot; from 100ms"
    )
    nats_url: NatsUrls = Field(
        "nats://127.0.0.1:4222", description="NATS server; of a cluster all, with commas between them"
    )
    nats_credentials: FilePath | None = Field(
        None,
        description="Secret shown to NATS: a file, or a folder with one a process; unset = the embedded server's",
    )
    nats_tls_ca: FilePath | None = Field(
        None, description="Authorities that may vouch for the NATS server (PEM); unset = the system's"
    )
    redis_url: RedisUrl = Field(
        "",
        description="Redis that hosts with one provider's key share: redis://user@host:port/0, or rediss:// for TLS; "
        "empty = each by itself",
    )
    redis_password_file: FilePath | None = Field(
        None, description="File with the password for it, which so stays out of the environment; others may not read it"
    )
    redis_tls_ca: FilePath | None = Field(
        None, description="Authorities that may vouch for Redis (PEM); unset = the system's"
    )
    redis_prefix: str = Field(
        "solquote",
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="Before every key there, so that two platforms may use one Redis",
    )
    redis_timeout: Duration = Field(
        "20ms",
        ge=1_000_000,
        le=1_000_000_000,
        description="What one exchange with Redis may take before the process goes on by itself, 1ms to 1s",
    )
    shm_dir: FilePath | None = Field(
        None, description="Folder of the quote files; unset = /var/quote-service, else tmpfs"
    )
    shm_entry_count: EntryCount = Field(
        2_000,
        description="Entries of each quote file, so pairs x directions x amounts; older readers need the default",
    )
    shm_slot_count: SlotCount = Field(
        512,
        description="Changes the ring of a quote file holds, a power of two; up to a quarter are confirmed each 50 ms",
    )
    tokens_path: FilePath | None = Field(None, description="Token registry; unset = the one in the package")
    watched_amounts: Amounts = Field(
        DEFAULT_AMOUNTS,
        validation_alias=AliasChoices("SOLQUOTE_AGGREGATOR_AMOUNTS"),
        description="Forward amounts watched and traded on, smallest units of the pair's base token",
    )
    data_dir: FilePath | None = Field(
        None, description="Folder of what outlives a run: journal, kill-switch token; unset = $XDG_STATE_HOME/solquote"
    )
    run_id: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="Which account a trade belongs to; `solquote up` names one a run of the recorded market",
    )
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level logged")
    trace_exporter: str = Field(
        "none", pattern="^(none|console|otlp)$", description="Where spans go: nowhere, into the log, or to a collector"
    )
    trace_endpoint: HttpUrl = Field(
        "", description="OTLP over HTTP, its path included; empty = OTEL_EXPORTER_OTLP_ENDPOINT, else this machine's"
    )
    trace_sample: float = Field(0.01, ge=0, le=1, description="Share of traces that are recorded, 0 to 1")
    profile_endpoint: HttpUrl = Field(
        "", description="Pyroscope that every process sends to where its threads are, all the time; empty = nowhere"
    )
    profile_window: Duration = Field(
        "10s", ge=1_000_000_000, le=60_000_000_000, description="How much of it is sent at once, 1s to 60s"
    )
    profile_samples_per_s: int = Field(20, ge=1, le=100, description="How often a process looks, for what it sends")
    local_quote_address: Address = Field("127.0.0.1:50052", description="Where the local quote service is found")
    external_quote_address: Address = Field("127.0.0.1:50053", description="Where the external quote service is found")
    aggregator_address: Address = Field("127.0.0.1:50051", description="Where the aggregator is found")
    manager_silence_max: Duration = Field("3s", description="Trading stops when the system manager is silent this long")
    trading_capital_lamports: int = Field(
        100_000_000_000, gt=0, description="What trading began with; drawdown is a share of this and the profit"
    )
    access_file: FilePath | None = Field(
        None,
        description="Who may ask: a line a token, `name scopes sha256 [until]`, mode 0600; unset = nobody is asked",
    )
    open_to_all: bool = Field(
        False, description="Listen beyond loopback although nobody is asked who they are; without it that is refused"
    )
    tls_certificate: FilePath | None = Field(
        None, description="Certificate chain of the quote APIs and the kill switch's (PEM); unset = plain text"
    )
    tls_key: FilePath | None = Field(None, description="Its private key (PEM), mode 0600")
    tls_client_ca: FilePath | None = Field(
        None,
        description="Authorities (PEM), one of which must vouch for every client's certificate; unset = none is asked",
    )
    client_rate: float = Field(0, ge=0, le=1_000_000, description="Calls a second one client may make; 0 = any number")
    client_burst: int = Field(100, ge=1, description="Calls a client may have saved up, of those")
    client_quota: int = Field(0, ge=0, description="Calls one client may make in 24 hours; 0 = any number")
    client_stream_count_max: int = Field(0, ge=0, description="Streams of one client open at once; 0 = any number")
    connection_count_max: int = Field(
        4096, ge=1, le=1_000_000, description="Connections of clients that one port holds at once"
    )
    connection_call_count_max: int = Field(
        1000, ge=1, le=1_000_000, description="gRPC calls and streams open at once on one connection"
    )
    request_bytes_max: int = Field(
        4 * 1024 * 1024, ge=4096, le=16 * 1024 * 1024, description="Longest gRPC request that is read"
    )
    ask_ca: FilePath | None = Field(
        None,
        description="Authorities that vouch for our own servers (PEM), which are then asked over TLS; unset = plain",
    )
    ask_certificate: FilePath | None = Field(
        None, description="Certificate our own clients show to servers that ask for one (PEM)"
    )
    ask_key: FilePath | None = Field(None, description="Its private key (PEM), mode 0600")
    ask_token_file: FilePath | None = Field(
        None, description="Token our own clients show: a file, mode 0600, read again when it changes; unset = none"
    )

    @model_validator(mode="after")
    def _nodes_are_named_once(self) -> Self:
        single = [name for name in ("rpc_url", "rpc_ws_url") if name in self.model_fields_set]
        if self.rpc_urls and single:
            raise ValueError(f"rpc_urls is set, and so is {' and '.join(single)}; set one (a WebSocket is |ws=)")
        return self

    def data_folder(self) -> Path:
        """The folder of what outlives a run.

        Raises:
            SettingsError: It is not set, and there is no home folder.
        """
        try:
            return (self.data_dir or default_data_dir(os.environ)).absolute()
        except NoHome as error:
            raise SettingsError([f"{environment_name(self.section, 'data_dir')}: {error}"]) from None

    def rpc_addresses(self) -> tuple[RpcAddress, ...]:
        """The Solana endpoints: those of `rpc_urls`, or else the one of `rpc_url`; at least one."""
        one = RpcAddress(number=1, url=self.rpc_url, ws_url=self.rpc_ws_url or ws_url_of(self.rpc_url))
        return read_rpc_addresses(self.rpc_urls) or (one,)


_Model = TypeVar("_Model", bound=ServiceSettings)


def environment_name(section: str, field: str) -> str:
    """The variable that sets `field`."""
    infix = "" if section == PlatformSettings.section else section.upper() + "_"
    return PREFIX + infix + field.upper()


def environment_names(model: type[ServiceSettings]) -> Mapping[str, str]:
    """Every variable `model` reads, mapped to its field."""
    names: dict[str, str] = {}
    for field, info in model.model_fields.items():
        names[environment_name(model.section, field)] = field
        names.update((alias, field) for alias in _aliases(info))
    return names


def _aliases(info: FieldInfo) -> tuple[str, ...]:
    alias = info.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(choice for choice in alias.choices if isinstance(choice, str))
    return (alias,) if isinstance(alias, str) else ()


def load_settings(model: type[_Model], *, environ: Mapping[str, str] | None = None) -> _Model:
    """Fill `model` from file and environment.

    Raises:
        SettingsError: Unreadable file, invalid values, and names that nobody knows, in any section: all at once.
    """
    return cast("_Model", load_together([model], environ=environ)[model.section])


def load_with_platform(model: type[_Model]) -> tuple[PlatformSettings, _Model]:
    """What one process needs, from its own environment; see `load_together`."""
    loaded = load_together([PlatformSettings, model])
    return cast("PlatformSettings", loaded[PlatformSettings.section]), cast("_Model", loaded[model.section])


def load_together(
    models: Iterable[type[ServiceSettings]], *, environ: Mapping[str, str] | None = None
) -> dict[str, ServiceSettings]:
    """Fill several models; by section.

    Raises:
        SettingsError: The mistakes of all of them, and names that nobody knows: all at once.
    """
    environ = given(os.environ if environ is None else environ)
    loaded: dict[str, ServiceSettings] = {}
    mistakes: list[str] = []
    for model in models:
        try:
            loaded[model.section] = read_section(model, environ)
        except SettingsError as error:
            mistakes += error.mistakes
    mistakes += [sentence for sentences in misnamed(environ).values() for sentence in sentences]
    if mistakes:
        raise SettingsError(dict.fromkeys(mistakes))
    return loaded


def misnamed(environ: Mapping[str, str]) -> dict[str, list[str]]:
    """By where they are, the variables and sections that set nothing; a model that is defined here has its names."""
    models = ServiceSettings.__subclasses__()
    return {
        "environment": unknown_variables(environ, (name for model in models for name in environment_names(model))),
        "settings file": unknown_sections(environ, (model.section for model in models)),
    }


def read_section(model: type[_Model], environ: Mapping[str, str]) -> _Model:
    """Fill `model`, and look at its own section of the file only.

    Raises:
        SettingsError: Unreadable file, unknown fields in the section, or invalid values.
    """
    environ = given(environ)
    values, origin, mistakes = _given_values(model, environ)
    try:
        loaded = model.model_validate(values)
    except ValidationError as error:
        for problem in error.errors():
            field = str(problem["loc"][0]) if problem["loc"] else ""
            where = origin.get(field, f"[{model.section}] {field}".rstrip())
            mistakes.append(f"{where}: {problem['msg'].removeprefix('Value error, ')}")
        raise SettingsError(mistakes) from None
    if mistakes:
        raise SettingsError(mistakes)
    return loaded


@dataclass(frozen=True, slots=True)
class GivenValue:
    """What somebody set a field to."""

    value: object
    """As it was written."""
    origin: str
    """The name of a variable, or a section of the file."""


def given_values(model: type[ServiceSettings], *, environ: Mapping[str, str]) -> dict[str, GivenValue]:
    """Every field that is set, with where it is set."""
    environ = given(environ)
    line = f"[{model.section}] of {environ.get(CONFIG_VARIABLE)}"
    values, origin, _ = _given_values(model, environ)
    return {field: GivenValue(values[field], name if name in environ else line) for field, name in origin.items()}


def written(value: object) -> str:
    """A value as an environment variable would have it; empty for none, and for a secret."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case SecretStr():
            return ""
        case Enum():
            return str(value.value)
        case tuple() | list() | frozenset():
            return ",".join(map(str, value))
        case _:
            return str(value)


def _given_values(
    model: type[ServiceSettings], environ: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Values as they are written and origins, by field, and what is wrong with the file."""
    values, mistakes = _from_file(model, environ)
    origin = {field: f"{environ[CONFIG_VARIABLE]} [{model.section}] {field}" for field in values}
    for name, field in environment_names(model).items():
        if name in environ:
            values[field] = environ[name]
            origin[field] = name
    return values, origin, mistakes


def _from_file(model: type[ServiceSettings], environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    path = environ.get(CONFIG_VARIABLE)
    if not path:
        return {}, []
    try:
        with Path(path).open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        return {}, [f"{CONFIG_VARIABLE}: {error.strerror}: {path}"]
    except tomllib.TOMLDecodeError as error:
        return {}, [f"{CONFIG_VARIABLE}: {path} is not TOML: {error}"]
    section = content.get(model.section, {})
    if not isinstance(section, dict):
        return {}, [f"{path} [{model.section}]: must be a table"]
    mistakes = [f"{path} [{model.section}] {sentence}" for sentence in unknown_names(section, model.model_fields)]
    return {field: value for field, value in section.items() if field in model.model_fields}, mistakes
