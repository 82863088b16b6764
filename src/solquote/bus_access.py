"""What `solquote doctor` finds out about who may do what on the bus: by asking the server, publishing nothing.

A server tells a connection what it may do (`$SYS.REQ.USER.INFO`). So for each role's secret that can be read here, the
answer is held against what only one role should be able to publish.
"""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import nats.errors
from nats.aio.client import Client

from quote_core.bus import Access, BusRole, access_of
from quote_core.bus.client import open_once
from quote_core.bus.permissions import GUARDED, Guarded
from quote_core.events.subjects import covers
from quote_core.settings import PlatformSettings, SettingsError

__all__ = ["Allowed", "is_refusal", "may_publish", "rights_of_roles", "strangers_rights", "wrong_rights"]

_USER_INFO: Final = "$SYS.REQ.USER.INFO"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What a connection may publish: `allow` empty means everything that `deny` does not name."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


def may_publish(allowed: Allowed, subject: str) -> bool:
    """Whether a message on `subject` would be let through."""
    if any(covers(pattern, subject) for pattern in allowed.deny):
        return False
    return not allowed.allow or any(covers(pattern, subject) for pattern in allowed.allow)


def wrong_rights(rights: Iterable[tuple[BusRole, Allowed]], guarded: Sequence[Guarded] = GUARDED) -> list[str]:
    """A sentence for each thing that a role can do and should not."""
    found: dict[str, list[str]] = {}
    for role, allowed in rights:
        for one in guarded:
            if role is not one.role and may_publish(allowed, one.example):
                found.setdefault(one.what, []).append(role.value)
    return [f"{what} can be published as {', '.join(roles)}" for what, roles in found.items()]


async def _allowed_of(url: str, access: Access, *, timeout_s: float) -> Allowed:
    """What the server says that this access may publish.

    Raises:
        nats.errors.Error: It cannot be reached, refuses the secret, or does not tell.
        SettingsError: The secret cannot be read.
    """
    async with open_once(url, access, name="solquote doctor", timeout_s=timeout_s) as client:
        return await _told(client, timeout_s)


def is_refusal(error: Exception) -> bool:
    """Whether the server is there, and does not let these credentials in."""
    return "authorization" in str(error).lower() or "authentication" in str(error).lower()


async def strangers_rights(url: str, *, timeout_s: float) -> Allowed | None:
    """What somebody without any secret may publish; None = nobody without one is let in.

    Raises:
        nats.errors.Error, OSError, TimeoutError: The server cannot be reached.
    """
    try:
        async with open_once(url, None, name="solquote doctor, as a stranger", timeout_s=timeout_s) as client:
            try:
                return await _told(client, timeout_s)
            except (nats.errors.Error, TimeoutError):
                return Allowed()
    except nats.errors.Error as error:
        if is_refusal(error):
            return None
        raise


async def _told(client: Client, timeout_s: float) -> Allowed:
    answer: Any = json.loads((await client.request(_USER_INFO, b"", timeout=timeout_s)).data)
    publish = (answer.get("data", {}).get("permissions") or {}).get("publish") or {}
    return Allowed(tuple(publish.get("allow") or ()), tuple(publish.get("deny") or ()))


async def rights_of_roles(
    platform: PlatformSettings, *, timeout_s: float
) -> tuple[list[tuple[BusRole, Allowed]], list[str]]:
    """What each role may publish, and for those of which it cannot be told, why.

    Raises:
        nats.errors.Error, OSError: The server cannot be reached.
    """
    rights: list[tuple[BusRole, Allowed]] = []
    untold: list[str] = []

    async def ask(role: BusRole) -> None:
        try:
            rights.append((role, await _allowed_of(platform.nats_url, access_of(platform, role), timeout_s=timeout_s)))
        except nats.errors.NoServersError:
            raise
        except (SettingsError, nats.errors.Error, TimeoutError, ValueError) as error:
            untold.append(f"{role.value}: {str(error) or type(error).__name__}")

    await asyncio.gather(*map(ask, BusRole))
    return rights, sorted(untold)
