"""A channel to another service, and how either side finds out that the other is gone.

A connection whose other end vanished without a word (a machine that lost power, a firewall that forgot it) looks open
for ever. Both sides therefore ping; what is not answered ends the connection, and every call on it, within
`KEEPALIVE_TIME_MS` + `KEEPALIVE_TIMEOUT_MS`.
"""

from collections.abc import Callable
from typing import Any, Final, cast

import grpc
import grpc.aio

from quote_core.access.caller import Caller
from quote_core.telemetry.traces import client_interceptors

__all__ = [
    "CHANNEL_OPTIONS",
    "KEEPALIVE_TIMEOUT_MS",
    "KEEPALIVE_TIME_MS",
    "MESSAGE_BYTES_MAX",
    "open_blocking_channel",
    "open_channel",
]

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
KEEPALIVE_TIME_MS: Final = 10_000
KEEPALIVE_TIMEOUT_MS: Final = 5_000

CHANNEL_OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),  # the environment's proxy is for the outside; our services are on our own machines
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 250),
    ("grpc.keepalive_time_ms", KEEPALIVE_TIME_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.http2.ping_timeout_ms", KEEPALIVE_TIMEOUT_MS),  # gRPC 1.85 heeds this, 60 s by default, not the one above
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),  # no limit: a stream that only listens sends no data
)
"""For `grpc` and `grpc.aio` alike."""


class _Shown:
    """A channel whose calls say who asks. Around the calls and no interceptor, which would cost each a task.

    It has those of a channel's verbs that stubs and we use.
    """

    def __init__(self, channel: Any, caller: Caller) -> None:
        self._channel = channel
        self._caller = caller

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._saying(self._channel.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._saying(self._channel.unary_stream(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        return self._saying(self._channel.stream_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        return self._saying(self._channel.stream_unary(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    def __enter__(self) -> "_Shown":
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    async def __aenter__(self) -> "_Shown":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    def _saying(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def said(*args: Any, metadata: Any = None, **kwargs: Any) -> Any:
            return call(*args, metadata=(*(metadata or ()), *self._caller.metadata()), **kwargs)

        return said


def open_channel(address: str, caller: Caller | None = None) -> grpc.aio.Channel:
    """A channel that reconnects by itself, quickly, and notices a dead connection.

    Args:
        address: Host and port.
        caller: Who asks, and over what; without it nobody in particular, in plain text.
    """
    interceptors = client_interceptors()
    if caller is None or caller.ca_pem is None:
        channel = grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS, interceptors=interceptors)
    else:
        credentials = _credentials(caller)
        channel = grpc.aio.secure_channel(address, credentials, options=CHANNEL_OPTIONS, interceptors=interceptors)
    return cast("grpc.aio.Channel", _Shown(channel, caller)) if caller is not None and caller.shows_token else channel


def open_blocking_channel(address: str, caller: Caller) -> grpc.Channel:
    """The same for who waits for each answer."""
    if caller.ca_pem is None:
        channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
    else:
        channel = grpc.secure_channel(address, _credentials(caller), options=CHANNEL_OPTIONS)
    return cast("grpc.Channel", _Shown(channel, caller)) if caller.shows_token else channel


def _credentials(caller: Caller) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(caller.ca_pem, caller.key_pem, caller.certificate_pem)
