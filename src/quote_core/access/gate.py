"""One call in, the client or a refusal out. Does no I/O; what it goes by can be changed while it is in use.

| who asks                      | is known by                             | may                                     |
|-------------------------------|-----------------------------------------|-----------------------------------------|
| shows a token                 | the token's name                        | what the token's line says              |
| shows a certificate, no token | the certificate's name                  | what no token is asked for              |
| shows neither                 | its address, IPv6 by the network (/64)  | the same                                |

Tokens are asked for by scope (`Rules.asked`): of a server without an access file, none, or `admin` alone.
"""

import contextlib
import functools
import hashlib
import ipaddress
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from quote_core.access.access_file import KnownClient
from quote_core.access.budget import Budget, Budgets, Limits
from quote_core.access.scopes import Scope
from quote_core.clock import Clock
from quote_core.errors import NotPermitted, Unauthenticated

__all__ = ["Admission", "Gate", "Rules", "host_of_peer"]

_TOKEN_CHARS_MAX: Final = 4_096
_IPV6_NETWORK_BITS: Final = 64
_PEERS_KNOWN_MAX: Final = 4_096
"""Addresses that are not read again: a connection makes many calls."""
_SHOWN_KNOWN_MAX: Final = 4_096
_ASKED_HOW: Final = "a valid Bearer token is required"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a gate goes by."""

    clients: Mapping[bytes, KnownClient] = field(default_factory=dict)
    """By the SHA-256 of the token."""
    asked: frozenset[Scope] = frozenset()
    """For which calls a token is asked; the others are open."""
    limits: Limits = field(default_factory=Limits)

    @property
    def ask_anything(self) -> bool:
        """Whether a call could be refused by them."""
        return bool(self.asked) or self.limits.bounds_anything


class Admission:
    """A call that was let in; a stream holds a place of its client's, and asks again whether it may go on."""

    __slots__ = ("_digest", "_gate", "_held", "is_counted", "name")

    def __init__(self, gate: "Gate", name: str, digest: bytes | None, *, is_counted: bool) -> None:
        self.name = name
        self.is_counted = is_counted
        """Whether limits of clients are its limits."""
        self._gate = gate
        self._digest = digest
        self._held: Budget | None = None

    def begin_stream(self) -> None:
        """Count as an open stream of the client until `end_stream`.

        Raises:
            TooManyStreams: It has as many as it may.
        """
        if not self.is_counted:
            return
        budget = self._gate.budgets.of(self.name)
        budget.begin_stream()
        self._held = budget

    def end_stream(self) -> None:
        """It is over, if it ever began."""
        if self._held is not None:
            self._held.end_stream()

    def check(self) -> None:
        """Pass while the token is still one.

        Raises:
            Unauthenticated: It was taken back, or has ended.
        """
        if self._digest is not None:
            self._gate.check(self._digest)


class Gate:
    """See above."""

    def __init__(self, rules: Rules, clock: Clock) -> None:
        self._rules = rules
        self._clock = clock
        self.budgets = Budgets(rules.limits, clock)
        self._shown: dict[str, bytes] = {}
        self.asks_anything = rules.ask_anything
        """Whether a call could be refused; unset, nobody need call `admit`."""

    @property
    def counts_anything(self) -> bool:
        """Whether what a client uses is bounded."""
        return self._rules.limits.bounds_anything

    def change(self, rules: Rules) -> None:
        """Go by others from now on, for calls under way too."""
        if rules.limits != self._rules.limits:
            self.budgets.limit(rules.limits)
        self._rules = rules
        self._shown.clear()
        self.asks_anything = rules.ask_anything

    def admit(
        self,
        authorization: str | None,
        *,
        needs: Scope,
        host: str,
        certificate: str = "",
        is_charged: bool = True,
        takes_basic: bool = False,
    ) -> Admission:
        """Let a call in, and charge its client for it.

        Args:
            authorization: The header of that name.
            needs: What the call asks for.
            host: Where it comes from, an IP address or what else there is.
            certificate: The name in the client's certificate, which a known authority vouches for.
            is_charged: Unset for a call that no limit may keep out.
            takes_basic: Whether a token may be shown as a browser shows a password.

        Raises:
            Unauthenticated: A token is asked for, and what came is none.
            NotPermitted: Its token does not allow this.
            TooManyCalls: It has made as many as it may.
        """
        rules = self._rules
        digest, is_counted = None, True
        if needs in rules.asked:
            digest = self._digest_of(authorization or "", takes_basic=takes_basic)
            client = self.check(digest)
            name, is_counted = client.name, client.is_counted
            if needs not in client.scopes:
                raise NotPermitted(name, needs.value)
        else:
            name = f"certificate {certificate}" if certificate else _network_of(host)
        if is_charged and is_counted and rules.limits.bounds_anything:
            self.budgets.of(name).charge()
        return Admission(self, name, digest, is_counted=is_counted)

    def _digest_of(self, authorization: str, *, takes_basic: bool) -> bytes:
        """The hash of what is shown. That of a known token is made once, since it costs as much as all else here."""
        digest = self._shown.get(authorization)
        if digest is None:
            digest = hashlib.sha256(_token_in(authorization, takes_basic=takes_basic)).digest()
            if not takes_basic and digest in self._rules.clients and len(self._shown) < _SHOWN_KNOWN_MAX:
                self._shown[authorization] = digest
        return digest

    def check(self, digest: bytes) -> KnownClient:
        """The client of a token, by its SHA-256.

        Raises:
            Unauthenticated: Nobody has it, or it has ended.
        """
        # What is looked up is a hash, which nobody can bring near a known one; how long that takes tells nothing.
        client = self._rules.clients.get(digest)
        if client is None:
            raise Unauthenticated(_ASKED_HOW)
        if client.until_unix_ns is not None and self._clock.unix_ns() >= client.until_unix_ns:
            raise Unauthenticated(_ASKED_HOW)
        return client


@functools.lru_cache(_PEERS_KNOWN_MAX)
def host_of_peer(peer: str) -> str:
    """The host in a gRPC peer such as `ipv4:127.0.0.1:5000` or `ipv6:%5B::1%5D:5000`; another is taken whole."""
    family, _, address = peer.partition(":")
    if family not in ("ipv4", "ipv6"):
        return peer
    return unquote(address).rpartition(":")[0].strip("[]")


@functools.lru_cache(_PEERS_KNOWN_MAX)
def _network_of(host: str) -> str:
    """Whom calls from there are counted for: an address, of IPv6 the network that one customer has."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))


def _token_in(authorization: str, *, takes_basic: bool) -> bytes:
    """The token of a header; a browser, which shows no Bearer token, shows it as the password of Basic.

    Raises:
        Unauthenticated: There is none.
    """
    scheme, _, given = authorization.partition(" ")
    token = b""
    if len(given) <= _TOKEN_CHARS_MAX:
        match scheme.lower():
            case "bearer":
                token = given.strip().encode("utf-8", "surrogateescape")
            case "basic" if takes_basic:
                with contextlib.suppress(ValueError):
                    token = b64decode(given.strip(), validate=True).partition(b":")[2]
    if not token:
        raise Unauthenticated(_ASKED_HOW)
    return token
