"""A channel to another service, and how either side finds out that the other is gone.

A connection whose other end vanished without a word (a machine that lost power, a firewall that forgot it) looks open
for ever. Both sides therefore ping; what is not answered ends the connection, and every call on it, within
`KEEPALIVE_TIME_MS` + `KEEPALIVE_TIMEOUT_MS`.
"""

from typing import Final

import grpc.aio

from quote_core.telemetry.traces import client_interceptors

__all__ = ["CHANNEL_OPTIONS", "KEEPALIVE_TIMEOUT_MS", "KEEPALIVE_TIME_MS", "MESSAGE_BYTES_MAX", "open_channel"]

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


def open_channel(address: str) -> grpc.aio.Channel:
    """A channel that reconnects by itself, quickly, and notices a dead connection."""
    return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS, interceptors=client_interceptors())
