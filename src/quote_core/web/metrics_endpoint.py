"""`GET /metrics` of a process, and nothing else, for this machine alone."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web

from quote_core.addresses import METRICS_HOST, with_port
from quote_core.errors import ProviderUnavailable
from quote_core.settings import environment_name
from quote_core.telemetry.metrics import MetricsPage
from quote_core.web.server import serve_http

__all__ = ["METRICS_PATH", "metrics_answer", "serve_metrics"]

METRICS_PATH: Final = "/metrics"


def metrics_answer(page: MetricsPage, request: web.Request) -> web.Response:
    """The page as it is now, or was a moment ago; as OpenMetrics, which has exemplars, for whom prefers that."""
    body, content_type = page.recent(request.headers.get("Accept", ""))
    return web.Response(body=body, headers={"Content-Type": content_type})


@contextlib.asynccontextmanager
async def serve_metrics(page: MetricsPage) -> AsyncIterator[int]:
    """Serve the page while the context lasts; yields the port.

    Raises:
        ProviderUnavailable: The port is taken; names the setting.
    """

    async def answer(request: web.Request) -> web.Response:
        return metrics_answer(page, request)

    application = web.Application()
    application.router.add_get(METRICS_PATH, answer)
    async with contextlib.AsyncExitStack() as stack:
        try:
            port = await stack.enter_async_context(serve_http(application, host=METRICS_HOST, port=page.port))
        except ProviderUnavailable as error:
            variable = environment_name(page.process, "metrics_port")
            reason = f"{error.reason}; {variable} names another port for the metrics, 0 = a free one"
            raise ProviderUnavailable(with_port(METRICS_HOST, page.port), reason) from error
        yield port
