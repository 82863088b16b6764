"""The routes of the Swagger page: our own two files, and Swagger UI's from the package that ships it."""

import importlib.util
from importlib import resources
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

__all__ = ["SWAGGER_PATH", "swagger_routes"]

SWAGGER_PATH: Final = "/swagger"

_PACKAGE: Final = "swagger_ui"
_ITS_FILES: Final = ("swagger-ui.css", "swagger-ui-bundle.js")
_START: Final = "start.js"

_HEADERS: Final = {
    # Scripts and styles are files of this server alone; Swagger UI has its pictures as data.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def swagger_routes() -> list[web.RouteDef]:
    """The page and its files; which, nobody who asks can choose."""
    return [
        web.get(SWAGGER_PATH, _index),
        web.get(f"{SWAGGER_PATH}/{_START}", _start),
        *(web.get(f"{SWAGGER_PATH}/{name}", _its_file) for name in _ITS_FILES),
    ]


async def _index(request: web.Request) -> web.StreamResponse:
    return _own("index.html", "text/html")


async def _start(request: web.Request) -> web.StreamResponse:
    return _own(_START, "text/javascript")


async def _its_file(request: web.Request) -> web.StreamResponse:
    """From the disk as it is, in pieces: it is large, and compressing it would hold quotes up."""
    return web.FileResponse(_folder() / request.path.rpartition("/")[2], headers=_HEADERS)


def _own(name: str, content_type: str) -> web.Response:
    text = resources.files(__package__).joinpath("data", name).read_text(encoding="utf-8")
    return web.Response(text=text, content_type=content_type, headers={**_HEADERS, hdrs.CACHE_CONTROL: "no-cache"})


def _folder() -> Path:
    """The package's files, without importing it: it brings a web framework's templates along.

    Raises:
        HTTPNotFound: It is not installed; quotes need none.
    """
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise web.HTTPNotFound(reason="swagger-ui-py is not installed")
    return Path(found.submodule_search_locations[0]) / "static"
