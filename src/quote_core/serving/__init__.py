"""Start-up of every server: gRPC with health, reflection and errors as statuses, HTTP with patience; graceful stop."""

from quote_core.channel import CHANNEL_OPTIONS, open_channel
from quote_core.serving.batch_request import BatchRequest, Combination, checked_key, read_batch_request
from quote_core.serving.evidence_message import (
    EVIDENCE_FORMAT,
    READ_EXPLAIN_REQUEST,
    begin_evidence,
    sha256_hex,
    write_token,
)
from quote_core.serving.health_message import READ_HEALTH_REQUEST, read_health, write_health
from quote_core.serving.http_manners import compressed, shared_with
from quote_core.serving.quote_messages import (
    read_freshness,
    read_provenance,
    read_route,
    write_freshness,
    write_hop,
    write_provenance,
)
from quote_core.serving.quote_request import QuoteRequest, checked_quote_request, read_quote_request
from quote_core.serving.server import Server, serve
from quote_core.serving.status import abort_with, grpc_code, streaming
from quote_core.serving.subscriptions import Subscription, Subscriptions
from quote_core.telemetry.calls import CallCounter
from quote_core.web.calls import count_http
from quote_core.web.server import HttpPatience, http_logger, reads_body_itself, serve_http

__all__ = [
    "CHANNEL_OPTIONS",
    "EVIDENCE_FORMAT",
    "READ_EXPLAIN_REQUEST",
    "READ_HEALTH_REQUEST",
    "BatchRequest",
    "CallCounter",
    "Combination",
    "HttpPatience",
    "QuoteRequest",
    "Server",
    "Subscription",
    "Subscriptions",
    "abort_with",
    "begin_evidence",
    "checked_key",
    "checked_quote_request",
    "compressed",
    "count_http",
    "grpc_code",
    "http_logger",
    "open_channel",
    "read_batch_request",
    "read_freshness",
    "read_health",
    "read_provenance",
    "read_quote_request",
    "read_route",
    "reads_body_itself",
    "serve",
    "serve_http",
    "sha256_hex",
    "shared_with",
    "streaming",
    "write_freshness",
    "write_health",
    "write_hop",
    "write_provenance",
    "write_token",
]
