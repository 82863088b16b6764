"""What the values of settings look like as text: each type refuses what cannot work, in one sentence."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from quote_core.addresses import is_url, servers_of
from quote_core.rpc_addresses import read_rpc_addresses
from quote_core.units import U64_MAX

__all__ = [
    "Address",
    "Amounts",
    "DatabaseUrl",
    "Duration",
    "EntryCount",
    "FilePath",
    "Host",
    "Hosts",
    "HttpUrl",
    "NatsUrls",
    "Origins",
    "Port",
    "RedisUrl",
    "RpcUrls",
    "Secret",
    "SlotCount",
    "WebSocketUrl",
]

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)")


def _parse_duration(value: object) -> object:
    if isinstance(value, str):
        match = _DURATION.fullmatch(value.strip())
        if match is None:
            raise ValueError(f"must be a duration such as 500ms, 1s or 2m, got {value!r}")
        return round(float(match[1]) * _UNITS_NS[match[2]])
    if isinstance(value, bool | float) or (isinstance(value, int) and value != 0):
        raise ValueError(f"needs a unit, such as {value}ms or {value}s")
    return value


Duration = Annotated[int, BeforeValidator(_parse_duration), Field(ge=0)]
"""Nanoseconds; written with a unit: `500ms`, `1s`, `2m`. A default is given as text too, with `validate_default`."""


def _split(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


Amounts = Annotated[
    tuple[Annotated[int, Field(gt=0, le=U64_MAX)], ...], BeforeValidator(_split), Field(min_length=1, max_length=60)
]
"""Smallest units, written with commas or spaces between them."""


def _check_origin(value: str) -> str:
    if value != "*" and not _ORIGIN.fullmatch(value):
        raise ValueError(f"must be * or an origin such as https://app.example or http://localhost:3000, got {value!r}")
    return value


_ORIGIN = re.compile(r"https?://[^/\s?#@]+")

Origins = Annotated[
    tuple[Annotated[str, AfterValidator(_check_origin)], ...], BeforeValidator(_split), Field(max_length=32)
]
"""Origins of web pages, written with commas or spaces between them; `*` stands for all."""

Port = Annotated[int, Field(ge=0, le=65535)]
"""TCP port; 0 lets the kernel choose."""

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?")


def _host(host: str) -> str:
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        if host != bare or not _NAME.fullmatch(host) or _is_number(host):
            raise ValueError(f"must be an IP address or a host's name, without a port, got {host!r}") from None
    return host


def _is_number(host: str) -> bool:
    """A name of nothing but digits and dots is an address that is wrong: no name ends so."""
    return re.fullmatch(r"[\d.]+", host) is not None


Host = Annotated[str, AfterValidator(_host)]
"""An IP address or a host's name; an IPv6 address may stand in brackets, and is kept without."""

Hosts = Annotated[tuple[Host, ...], BeforeValidator(_split), Field(max_length=32)]
"""Several, written with commas or spaces between them."""


def _address(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not colon or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535 or (":" in host and host[0] != "["):
        raise ValueError(f"must be host:port, an IPv6 host in brackets, such as [::1]:50051, got {address!r}")
    bare = _host(host)
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError(f"must be a power of two, got {value}")
    return value


EntryCount = Annotated[int, Field(ge=1, le=65_535)]
"""Entries of a quote file (`shm.layout`)."""
SlotCount = Annotated[int, Field(ge=512, le=65_536), AfterValidator(_power_of_two)]
"""Ring slots of a quote file (`shm.layout`)."""

Address = Annotated[str, AfterValidator(_address)]
"""Where a service is found: `host:port`."""


def _url_of(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        if url and not is_url(url, schemes):
            # The value is not shown: providers put keys into URLs.
            raise ValueError(f"must be a URL such as {schemes[0]}://host:port, without blanks")
        return url

    return AfterValidator(check)


HttpUrl = Annotated[str, _url_of("http", "https")]
WebSocketUrl = Annotated[str, _url_of("ws", "wss")]
"""URLs; an empty one is left to the setting to mean something."""


def _database_url(url: str) -> str:
    if not url or (
        url.startswith("sqlite:///") and len(url) > len("sqlite:///") and not re.search(r"[\x00-\x1f\x7f?#]", url)
    ):
        return url
    if not is_url(url, ("postgresql",)) or not urlsplit(url).path.strip("/"):
        # As above: there may be a password in it.
        raise ValueError("must be postgresql://user@host:port/database or sqlite:////path/of/a/file")
    return url


DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
"""Where a database is; an empty one is left to the setting to mean something."""


def _redis_url(url: str) -> str:
    if url and not (is_url(url, ("redis", "rediss")) and _REDIS_REST.fullmatch("".join(urlsplit(url)[2:]))):
        # As above.
        raise ValueError("must be redis://host:port/0, or rediss://host:port/0 for TLS, where 0 is the database")
    return url


_REDIS_REST: Final = re.compile(r"/?|/[0-9]{1,5}")

RedisUrl = Annotated[str, AfterValidator(_redis_url)]
"""Where Redis is; an empty one is left to the setting to mean something."""


def _nats_urls(urls: str) -> str:
    servers = servers_of(urls)
    if not servers or not all(is_url(url, ("nats", "tls")) for url in servers):
        raise ValueError("must be a URL such as nats://host:port, without blanks, or several with commas between them")
    return ",".join(servers)


NatsUrls = Annotated[str, AfterValidator(_nats_urls)]
"""Where a NATS server is found, or each of a cluster's: one URL, or several with commas between them."""


def _endpoints(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


def _check_endpoints(texts: tuple[str, ...]) -> tuple[str, ...]:
    read_rpc_addresses(texts)
    return texts


RpcUrls = Annotated[tuple[str, ...], BeforeValidator(_endpoints), AfterValidator(_check_endpoints)]
"""Endpoints of Solana nodes as `quote_core.rpc_addresses` reads them, written with blanks between them."""


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be one line of printable ASCII characters; it is not shown here")
    return SecretStr(text)


Secret = Annotated[SecretStr, AfterValidator(_secret)]
"""Never shown; fit for an HTTP header."""


def _named(value: object) -> object:
    if isinstance(value, str) and not value.strip():
        raise ValueError("must name a file or folder; leave it out where none is meant")
    return value


def _with_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home folder for {path}; write the whole path") from None


FilePath = Annotated[Path, BeforeValidator(_named), AfterValidator(_with_home)]
"""A file or folder; `~` is the home folder."""
