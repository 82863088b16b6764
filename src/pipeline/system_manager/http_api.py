"""The kill switch over HTTP.

| request                        | body                                         | answers                           |
|--------------------------------|----------------------------------------------|-----------------------------------|
| POST /api/killswitch/enable    | `{reason?, state?: "HALTED" or "REDUCING"}` | 200 the switch; 400, 401, 503     |
| POST /api/killswitch/disable   | `{reason?}`                                  | 200 the switch; 400, 401, 409, 503 |
| GET  /api/killswitch           |                                              | 200 the switch; 503               |
| GET  /api/health               |                                              | 200 or 503                        |
| GET  /metrics                  |                                              | 200                               |

The POSTs ask for `Authorization: Bearer TOKEN`. A 200 means that the SYSTEM stream has the state, hence that it
outlives every restart. An error is `{"error": {"code", "message"}}`. 503 means that the bus did not confirm; gates
that cannot reach the bus close by themselves.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal, Protocol, TypeVar

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from pipeline.system_manager.latch import MANUAL, Change, ChangedMeanwhile
from pipeline.system_manager.token import token_matches
from quote_core.errors import InvalidField, ProviderUnavailable
from quote_core.events import KillSwitch, TradingState
from quote_core.settings import SecretStr

__all__ = ["Switch", "make_application"]

BODY_BYTES_MAX: Final = 16 * 1024
REASON_CHARS_MAX: Final = 500

Reason = Annotated[str, StringConstraints(max_length=REASON_CHARS_MAX, strip_whitespace=True, min_length=1)]


class Switch(Protocol):
    """What the API works on."""

    @property
    def finding(self) -> str:
        """What keeps the manager from vouching for the switch; empty when all is well."""
        ...

    async def look(self) -> KillSwitch:
        """What is latched."""
        ...

    async def change(self, wanted: Change) -> KillSwitch:
        """Latch another state."""
        ...


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reason: Reason | None = None


class _Enable(_Body):
    state: Literal["HALTED", "REDUCING"] = "HALTED"


_AnyBody = TypeVar("_AnyBody", bound=_Body)


def make_application(switch: Switch, *, token: SecretStr, registry: CollectorRegistry) -> web.Application:
    """The routes of the table."""
    api = _Api(switch, token, registry)
    application = web.Application(client_max_size=BODY_BYTES_MAX, middlewares=[_errors_as_json])
    application.add_routes(
        [
            web.post("/api/killswitch/enable", api.enable),
            web.post("/api/killswitch/disable", api.disable),
            web.get("/api/killswitch", api.show),
            web.get("/api/health", api.health),
            web.get("/metrics", api.metrics),
        ]
    )
    return application


class _Api:
    def __init__(self, switch: Switch, token: SecretStr, registry: CollectorRegistry) -> None:
        self._switch = switch
        self._token = token
        self._registry = registry

    async def enable(self, request: web.Request) -> web.Response:
        self._authorize(request)
        body = await _body(request, _Enable)
        wanted = Change(TradingState[body.state], MANUAL, body.reason or "stopped by hand", _actor(request))
        return _shown(await self._switch.change(wanted))

    async def disable(self, request: web.Request) -> web.Response:
        self._authorize(request)
        body = await _body(request, _Body)
        wanted = Change(TradingState.ACTIVE, MANUAL, body.reason or "released by hand", _actor(request))
        return _shown(await self._switch.change(wanted))

    async def show(self, _: web.Request) -> web.Response:
        return _shown(await self._switch.look())

    async def health(self, _: web.Request) -> web.Response:
        finding = self._switch.finding
        status = web.HTTPServiceUnavailable.status_code if finding else web.HTTPOk.status_code
        return web.json_response({"serving": not finding, "findings": [finding] if finding else []}, status=status)

    async def metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), content_type="text/plain", charset="utf-8")

    def _authorize(self, request: web.Request) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token_matches(self._token, given.strip()):
            raise web.HTTPUnauthorized(
                headers={"WWW-Authenticate": "Bearer"}, reason="a valid Bearer token is required"
            )


def _actor(request: web.Request) -> str:
    return f"http {request.remote or 'unknown'}"


async def _body(request: web.Request, model: type[_AnyBody]) -> _AnyBody:
    """Read the body; none at all means `{}`.

    Raises:
        InvalidField: Names the field and the rule.
    """
    try:
        content: Any = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidField("body", f"is not JSON: {error}") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"])) or "body"
        rule = "no such field" if problem["type"] == "extra_forbidden" else problem["msg"]
        raise InvalidField(field, rule) from None


def _shown(event: KillSwitch) -> web.Response:
    return web.json_response(
        {
            "state": event.state.name,
            "trigger": event.trigger,
            "reason": event.reason,
            "actor": event.actor,
            "revision": event.revision,
            "changed_unix_ns": event.changed_unix_ns,
        }
    )


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status, headers=headers)


_CODES: Final = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND", 405: "UNIMPLEMENTED"}


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except InvalidField as error:
        return _error(400, error.code, str(error))
    except ChangedMeanwhile as error:
        return _error(409, "ABORTED", str(error))
    except ProviderUnavailable as error:
        return _error(
            503, error.code, f"{error}; trading processes that cannot reach the bus have stopped by themselves"
        )
    except web.HTTPException as error:
        kept = {name: value for name, value in error.headers.items() if name in ("WWW-Authenticate", "Allow")}
        return _error(error.status, _CODES.get(error.status, "INVALID_ARGUMENT"), error.reason, kept)
