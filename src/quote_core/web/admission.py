"""How an HTTP request passes the gate: what of it says who asks, what its route asks for, and how it is refused."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from quote_core.access.control import AccessControl
from quote_core.access.gate import Admission
from quote_core.access.scopes import Scope
from quote_core.errors import NotPermitted, SolquoteError, TooManyCalls, Unauthenticated
from quote_core.json_dialect import error_answer, json_text

__all__ = ["API_KEY", "OPEN", "Ask", "admitting", "asked_by", "may_go_on"]

API_KEY: Final = "X-API-Key"
"""Where clients of Jupiter's show what they were given; read where there is no `Authorization`."""

_ADMISSION: Final = web.RequestKey("admission", Admission)
_CLIENT_LEFT: Final = "499"
_MS_PER_S: Final = 1_000
_STATUSES: Final = {
    Unauthenticated.code: HTTPStatus.UNAUTHORIZED,
    NotPermitted.code: HTTPStatus.FORBIDDEN,
    TooManyCalls.code: HTTPStatus.TOO_MANY_REQUESTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a route asks for."""

    needs: Scope | None = Scope.READ
    """None = nothing."""
    is_counted: bool = True
    """Whether a call is charged to its client; stopping the trade never is."""
    by_browser: bool = False
    """Whether a browser may ask its user for the token, and show it as a password (Basic)."""
    is_told: bool = True
    """Whether a call that needs `Scope.ADMIN` leaves a line; unset for what a page is made of."""
    is_lasting: bool = False
    """Whether it lasts, and is told when it begins."""


OPEN: Final = Ask(needs=None)
_READ: Final = Ask()


def admitting(access: AccessControl, asks: Mapping[str, Ask]) -> Middleware:
    """A middleware that answers for who may not ask, before anything of the request's body is read.

    Args:
        access: Who may.
        asks: By route, as `VERB /path/{part}`; one that is not here asks for `Scope.READ`.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        call = _call_of(request)
        ask = asks.get(call, _READ)
        if ask.needs is None or not access.gate.asks_anything:
            return await handler(request)
        is_told = ask.needs is Scope.ADMIN and ask.is_told
        host = request.remote or ""
        try:
            admission = access.gate.admit(
                _authorization_of(request),
                needs=ask.needs,
                host=host,
                certificate=_certificate_of(request),
                is_charged=ask.is_counted,
                takes_basic=ask.by_browser,
            )
        except SolquoteError as error:
            if is_told:
                access.audit.tell(call, client=getattr(error, "client", None), host=host, outcome=error.code)
            return _refused(error, ask)
        request[_ADMISSION] = admission
        if not is_told:
            return await handler(request)
        if ask.is_lasting:
            access.audit.tell(call, client=admission.name, host=host, outcome="begun")
            return await handler(request)
        outcome = str(HTTPStatus.INTERNAL_SERVER_ERROR.value)
        try:
            response = await handler(request)
            outcome = str(response.status)
        except web.HTTPException as error:
            outcome = str(error.status)
            raise
        except asyncio.CancelledError:
            outcome = _CLIENT_LEFT
            raise
        else:
            return response
        finally:
            access.audit.tell(call, client=admission.name, host=host, outcome=outcome)

    return middleware


def asked_by(request: web.Request) -> str:
    """Who asks; empty where nobody is asked."""
    admission = request.get(_ADMISSION)
    return admission.name if admission is not None else ""


def may_go_on(request: web.Request) -> bool:
    """Whether an answer that lasts may last longer: the token it began with may be none any more."""
    admission = request.get(_ADMISSION)
    try:
        if admission is not None:
            admission.check()
    except Unauthenticated:
        return False
    return True


def _call_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    verb = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
    return f"{verb} {resource.canonical}" if resource is not None else ""


def _authorization_of(request: web.Request) -> str | None:
    shown = request.headers.get(hdrs.AUTHORIZATION)
    key = request.headers.get(API_KEY)
    return shown if shown is not None or key is None else f"Bearer {key}"


def _certificate_of(request: web.Request) -> str:
    """The common name in the client's certificate; empty without one."""
    shown = request.get_extra_info("peercert") if request.secure else None
    names = (value for part in (shown or {}).get("subject", ()) for name, value in part if name == "commonName")
    return next(names, "")


def _refused(error: SolquoteError, ask: Ask) -> web.Response:
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers[hdrs.WWW_AUTHENTICATE] = 'Basic realm="solquote", charset="UTF-8"' if ask.by_browser else "Bearer"
    elif isinstance(error, TooManyCalls):
        headers[hdrs.RETRY_AFTER] = str(-(-error.retry_after_ms // _MS_PER_S))
    content = error_answer(str(error), error.code)
    return web.json_response(content, status=_STATUSES[error.code], headers=headers, dumps=json_text)
