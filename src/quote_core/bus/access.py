"""How one role gets onto the bus: which file holds its secret, and what the client is told of it.

| the file holds                              | then                                                           |
|---------------------------------------------|----------------------------------------------------------------|
| `SU...`, an nkey seed                       | the server's challenge is signed; the seed stays here          |
| a `.creds` file (JWT and seed)              | the same, and the JWT is shown                                 |
| `user:password`, one line                   | both are sent: over TLS, or on loopback                        |
| anything else, one line                     | a token, sent likewise                                         |

`SOLQUOTE_NATS_CREDENTIALS` names such a file, or a folder with one file a role, named like the role. Unset, it is the
folder that `solquote up` fills for its own server, and only a server on loopback is offered anything from there.
A file that somebody else may read is refused, but for one of root's that this process's group may read: so Kubernetes
hands out a Secret. It is read anew for every connection, so a secret may be replaced.
"""

import os
import re
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quote_core.addresses import host_of, is_loopback, servers_of
from quote_core.bus.nkey import UserKey
from quote_core.bus.permissions import BusRole
from quote_core.errors import InvalidField
from quote_core.settings import PlatformSettings, SettingsError, environment_name

__all__ = ["Access", "access_of", "credentials_folder"]

_SECRET_BYTES_MAX: Final = 64 * 1024
_CREDENTIALS_VARIABLE: Final = environment_name(PlatformSettings.section, "nats_credentials")
_JWT: Final = re.compile(r"-----BEGIN NATS USER JWT-----\s+(\S+)\s+-+END")
_SEED: Final = re.compile(r"-----BEGIN USER NKEY SEED-----\s+(\S+)\s+-+END")


def credentials_folder(data_folder: Path) -> Path:
    """Where the embedded server's users have their keys."""
    return data_folder / "nats" / "credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One role's way onto the bus.

    Attributes:
        role: Whose; its inboxes are named after it.
        credentials: File of its secret; `None` = it shows none.
        is_optional: Whether a file that is not there means that none is shown.
        tls_ca: Authorities that may vouch for the server; `None` = the system's.
    """

    role: BusRole
    credentials: Path | None = None
    is_optional: bool = False
    tls_ca: Path | None = None

    def client_options(self, urls: str) -> tuple[dict[str, Any], str | None]:
        """What `nats.aio.client.Client.connect` is told, and the public nkey that goes with the signature.

        Raises:
            SettingsError: The file is not there, may be read by others, or holds no secret.
        """
        options: dict[str, Any] = {"inbox_prefix": self.role.inbox_prefix}
        if self.tls_ca is not None or any(url.startswith("tls:") for url in servers_of(urls)):
            options["tls"] = _tls_context(self.tls_ca)
        if self.credentials is None:
            return options, None
        text = _secret(self.credentials, is_optional=self.is_optional)
        if text is None:
            return options, None
        try:
            shown, public = _shown(text)
        except InvalidField as error:
            raise SettingsError([f"{_CREDENTIALS_VARIABLE}: {self.credentials}: {error}"]) from None
        return options | shown, public


def access_of(platform: PlatformSettings, role: BusRole) -> Access:
    """How `role` gets onto the bus that the settings name."""
    given = platform.nats_credentials
    if given is not None:
        given = given.absolute()
        path = given / role.value if given.is_dir() else given
        return Access(role=role, credentials=path, tls_ca=platform.nats_tls_ca)
    if not all(is_loopback(host_of(url)) for url in servers_of(platform.nats_url)):
        return Access(role=role, tls_ca=platform.nats_tls_ca)
    path = credentials_folder(platform.data_folder()) / role.value
    return Access(role=role, credentials=path, is_optional=True, tls_ca=platform.nats_tls_ca)


def _tls_context(authorities: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except OSError as error:  # ssl's own errors, too
        variable = environment_name(PlatformSettings.section, "nats_tls_ca")
        raise SettingsError([f"{variable}: {authorities}: {error.strerror or error}"]) from None


def _secret(path: Path, *, is_optional: bool) -> str | None:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_SECRET_BYTES_MAX)
    except FileNotFoundError:
        if is_optional:
            return None
        raise SettingsError([f"{_CREDENTIALS_VARIABLE}: {path} is not there"]) from None
    except OSError as error:
        raise SettingsError([f"{_CREDENTIALS_VARIABLE}: {path}: {error.strerror}"]) from None
    mode = stat.S_IMODE(status.st_mode)
    is_given_us = status.st_uid == 0 != os.geteuid() and status.st_gid == os.getegid() and not mode & 0o037
    if mode & 0o077 and not is_given_us:
        rule = f"has mode {mode:04o}, so others may read it; chmod 600 it"
        raise SettingsError([f"{_CREDENTIALS_VARIABLE}: {path} {rule}"])
    return content.decode("ascii", errors="replace")


def _shown(text: str) -> tuple[dict[str, Any], str | None]:
    jwt, seed = _JWT.search(text), _SEED.search(text)
    if jwt and seed:
        token = jwt[1].encode()
        return {"user_jwt_cb": lambda: bytearray(token), "signature_cb": UserKey(seed[1]).sign}, None
    line = text.strip()
    if not line or not line.isprintable():
        raise InvalidField("content", "must be an nkey seed, a .creds file, or one line: user:password or a token")
    if line.startswith("SU"):
        key = UserKey(line)
        return {"signature_cb": key.sign}, key.public
    user, colon, password = line.partition(":")
    return ({"user": user, "password": password} if colon else {"token": line}), None
