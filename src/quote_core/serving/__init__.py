"""gRPC start-up for every server: health, reflection, errors as statuses, graceful stop."""

from quote_core.serving.batch_request import BatchRequest, Combination, checked_key, read_batch_request
from quote_core.serving.process import report_until, run_service
from quote_core.serving.server import Server, serve
from quote_core.serving.status import abort_with, grpc_code

__all__ = [
    "BatchRequest",
    "Combination",
    "Server",
    "abort_with",
    "checked_key",
    "grpc_code",
    "read_batch_request",
    "report_until",
    "run_service",
    "serve",
]
