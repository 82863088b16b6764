"""The shared cache that the settings name: Redis where they name one, and else what the process has by itself."""

import contextlib
import importlib.util
import ssl
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from quote_core.addresses import redacted_url
from quote_core.clock import Clock
from quote_core.setting_secrets import read_password
from quote_core.settings import PlatformSettings, SettingsError, environment_name
from quote_core.shared_cache.interface import IN_PROCESS, SharedCache

if TYPE_CHECKING:  # who sets no Redis waits for no client of it
    from redis.asyncio import Redis

    from quote_core.shared_cache.redis_cache import RedisCache

__all__ = ["OpenedCache", "open_client", "open_shared_cache"]

_PORT_DEFAULT = 6379


@dataclass(frozen=True, slots=True)
class OpenedCache:
    """What is shared, of which buckets tokens are taken, and Redis behind it, if any."""

    cache: SharedCache
    buckets: Sequence[str]
    redis: "RedisCache | None" = None


@contextlib.asynccontextmanager
async def open_shared_cache(
    platform: PlatformSettings, *, buckets: Sequence[str], value_keep_ns: int, clock: Clock
) -> AsyncIterator[OpenedCache]:
    """Open it. Redis need not be there: `RedisCache.run` looks for it.

    Args:
        platform: Names it.
        buckets: Of which this process takes tokens.
        value_keep_ns: Longest that a value is kept.
        clock: For ages.

    Raises:
        SettingsError: The client is not installed, or a file of the settings cannot be read.
    """
    if not platform.redis_url:
        yield OpenedCache(IN_PROCESS, buckets)
        return
    client = open_client(platform)
    from quote_core.shared_cache.redis_cache import RedisCache  # noqa: PLC0415  # see above

    cache = RedisCache(
        client,
        shown=redacted_url(platform.redis_url),
        prefix=f"{platform.redis_prefix}:1:",
        timeout_ns=platform.redis_timeout,
        value_keep_ns=value_keep_ns,
        buckets=buckets,
        clock=clock,
    )
    try:
        yield OpenedCache(cache, buckets, cache)
    finally:
        await cache.close()


def open_client(platform: PlatformSettings) -> "Redis":
    """A client that connects when it is first used, tries nothing twice, and has one connection.

    Raises:
        SettingsError: See `open_shared_cache`.
    """
    if importlib.util.find_spec("redis") is None:
        name = environment_name(platform.section, "redis_url")
        raise SettingsError([f"{name}: Redis needs redis-py, which comes with pip install 'solquote[redis]'"])
    from redis.asyncio import Redis  # noqa: PLC0415  # see above
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    parts = urlsplit(platform.redis_url)
    password = _password(platform)
    tls = {}
    if parts.scheme == "rediss":
        _check_authorities(platform)
        tls = {"ssl": True, "ssl_ca_certs": None if platform.redis_tls_ca is None else str(platform.redis_tls_ca)}
    return Redis(
        host=parts.hostname or "",
        port=parts.port or _PORT_DEFAULT,
        db=int(parts.path.strip("/") or 0),
        username=unquote(parts.username) if parts.username else None,
        password=password,
        protocol=2,
        client_name="solquote",
        single_connection_client=True,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=None,  # whoever asks says how long
        socket_connect_timeout=None,
        **tls,  # type: ignore[arg-type]
    )


def _password(platform: PlatformSettings) -> str | None:
    if platform.redis_password_file is not None:
        variable = environment_name(platform.section, "redis_password_file")
        return read_password(platform.redis_password_file, variable=variable)
    given = urlsplit(platform.redis_url).password
    return unquote(given) if given else None


def _check_authorities(platform: PlatformSettings) -> None:
    try:
        ssl.create_default_context(cafile=platform.redis_tls_ca)
    except OSError as error:  # ssl's own errors, too
        name = environment_name(platform.section, "redis_tls_ca")
        raise SettingsError([f"{name}: {platform.redis_tls_ca}: {error.strerror or error}"]) from None
