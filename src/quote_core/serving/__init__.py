"""gRPC start-up for every server: health, reflection, errors as statuses, graceful stop."""

from quote_core.serving.process import report_until, run_service
from quote_core.serving.server import Server, serve
from quote_core.serving.status import abort_with, grpc_code

__all__ = ["Server", "abort_with", "grpc_code", "report_until", "run_service", "serve"]
