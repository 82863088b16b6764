"""Where Solana nodes are found, and how a setting names several: one text an endpoint, blanks between them.

    https://one.example/key|weight=3 https://two.example/key|roles=read,subscribe|ws=wss://two.example/ws

| part       | says                                                                 | without it                     |
|------------|----------------------------------------------------------------------|--------------------------------|
| the URL    | JSON-RPC over HTTP                                                   |                                |
| `ws=`      | its WebSocket                                                        | the URL as ws, see `ws_url_of` |
| `weight=`  | its share of the reads, 1 to 100; the heaviest is subscribed to      | 1                              |
| `roles=`   | what it is for: `read`, `subscribe`, `send`, with commas between them | all three                      |

URLs hold keys. Whoever shows an endpoint shows its `name`, made of host and number.
"""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from quote_core.addresses import is_url, with_port

__all__ = ["RPC_ENDPOINTS_MAX", "RpcAddress", "RpcRole", "read_rpc_addresses", "ws_url_of"]

RPC_ENDPOINTS_MAX: Final = 16
"""Also bounds the series of metrics that name an endpoint."""
_WEIGHT_MAX: Final = 100
_SEPARATOR: Final = "|"


class RpcRole(enum.Enum):
    """What an endpoint is for."""

    READ = "read"
    SUBSCRIBE = "subscribe"
    SEND = "send"


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcAddress:
    """One endpoint as it is configured; `number` counts from 1, in the order in which they are written."""

    number: int
    url: str = field(repr=False)
    ws_url: str = field(repr=False)
    weight: int = 1
    roles: frozenset[RpcRole] = frozenset(RpcRole)

    @property
    def name(self) -> str:
        """What it is called wherever anybody looks: its host, its port where one is written, and its number."""
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        return f"{with_port(host, parts.port) if parts.port else host}#{self.number}"


def ws_url_of(url: str) -> str:
    """The WebSocket that belongs to a JSON-RPC URL: the same as ws, on loopback at port + 1, as validators do."""
    match = re.fullmatch(r"http(s?)://(127\.0\.0\.1|localhost):(\d+)(.*)", url)
    if match:
        return f"ws{match[1]}://{match[2]}:{int(match[3]) + 1}{match[4]}"
    return re.sub(r"^http", "ws", url)


def read_rpc_addresses(texts: Iterable[str]) -> tuple[RpcAddress, ...]:
    """Read endpoints as a setting names them.

    Raises:
        ValueError: One is written wrong, there are too many, or nobody may be read from or subscribed to. The message
            shows no URL.
    """
    addresses = tuple(_read(number, text) for number, text in enumerate(texts, 1))
    if len(addresses) > RPC_ENDPOINTS_MAX:
        raise ValueError(f"at most {RPC_ENDPOINTS_MAX} endpoints, got {len(addresses)}")
    for role in (RpcRole.READ, RpcRole.SUBSCRIBE):
        if addresses and not any(role in address.roles for address in addresses):
            raise ValueError(f"no endpoint has the role {role.value}")
    return addresses


def _read(number: int, text: str) -> RpcAddress:
    url, *options = text.split(_SEPARATOR)
    if not is_url(url, ("http", "https")):
        raise ValueError(f"endpoint {number}: must begin with a URL such as https://host:port")
    told: dict[str, str] = {}
    for option in options:
        name, equals, value = option.partition("=")
        # Neither name nor value is shown where the name is none of ours: it may be a part of a URL.
        if not equals or name not in ("weight", "roles", "ws") or name in told:
            raise ValueError(f"endpoint {number}: after the URL come |weight=, |roles= and |ws=, each once at most")
        told[name] = value
    ws_url = told.get("ws", "") or ws_url_of(url)
    if not is_url(ws_url, ("ws", "wss")):
        raise ValueError(f"endpoint {number}: ws must be a URL such as wss://host:port")
    return RpcAddress(
        number=number,
        url=url,
        ws_url=ws_url,
        weight=_weight(number, told.get("weight", "1")),
        roles=_roles(number, told["roles"]) if "roles" in told else frozenset(RpcRole),
    )


def _weight(number: int, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= _WEIGHT_MAX:
        raise ValueError(f"endpoint {number}: weight must be a whole number from 1 to {_WEIGHT_MAX}")
    return int(text)


def _roles(number: int, text: str) -> frozenset[RpcRole]:
    try:
        return frozenset(RpcRole(name) for name in text.split(","))
    except ValueError:
        names = ", ".join(role.value for role in RpcRole)
        raise ValueError(f"endpoint {number}: roles must be of {names}, with commas between them") from None
