"""The kill switch over HTTP.

| request                      | body                                              | answers                        |
|------------------------------|---------------------------------------------------|--------------------------------|
| POST /api/killswitch/enable  | `{reason?, person?, state?: HALTED or REDUCING}`  | 200 or 202 the switch; 401     |
| POST /api/killswitch/disable | `{reason?, person?, force?: [rule, ...]}`         | 200 the switch; 4xx, 503       |
| GET  /api/killswitch         |                                                   | 200 the switch; 503            |
| GET  /api/health             |                                                   | 200 or 503                     |

The POSTs ask for `Authorization: Bearer TOKEN` with the kill switch's own token, or one of the access file that allows
`admin`; with an access file the look asks for one that allows `read`. A 200 means that the SYSTEM stream has the state,
hence that it outlives every restart. An error is `{"error": sentence, "errorCode": code}`; 503 means that the bus did
not confirm.

A release while rules trigger is a 409, FAILED_PRECONDITION, whose `rules` names each and why, until they are clear or
`force` names every one of them. What was forced is told in the reason that is latched, hence in the audit trail. To
force a rule does not switch it off: what still is so (memory, drift) trips again with the next report.

GET shows which revision each scanner, planner and executor goes by (`acknowledgements`), and names in `unacknowledged`
those that do not go by this one, or have not said so lately.

A stop is never refused for its form: whatever cannot be read of its body is replaced by what is usual, a reason that is
too long is cut, and `notes` in the answer says so. Nor is it refused when the bus is away: 202 means that the manager
keeps it, vouches for nothing until it is stored, and tries until it is; `message` says what that means for trading.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Annotated, Any, Final, Protocol

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from pipeline.system_manager.acknowledgements import Acknowledgement
from pipeline.system_manager.change import MANUAL, SwitchChange
from pipeline.system_manager.latch import ChangedMeanwhile, NotYetStored
from pipeline.system_manager.limits import RULE_NAMES, RuleName
from pipeline.system_manager.manager import StillTriggering
from quote_core.access.control import AccessControl
from quote_core.access.scopes import Scope
from quote_core.errors import InvalidField, ProviderUnavailable
from quote_core.events import NAME_CHARS_MAX, REASON_CHARS_MAX, KillSwitch, TradingState
from quote_core.json_dialect import error_answer, json_text
from quote_core.serving import reads_body_itself
from quote_core.units import NS_PER_MS
from quote_core.web.admission import OPEN, Ask, admitting, asked_by

__all__ = ["KillSwitchControl", "make_application"]

BODY_BYTES_MAX: Final = 16 * 1024
BODY_WAIT_S: Final = 0.5
"""A stop whose body has not come by then goes without it."""

STOPPED_BY_HAND: Final = "stopped by hand"

Reason = Annotated[str, StringConstraints(max_length=REASON_CHARS_MAX, strip_whitespace=True, min_length=1)]
Person = Annotated[str, StringConstraints(max_length=NAME_CHARS_MAX, strip_whitespace=True, min_length=1)]


class KillSwitchControl(Protocol):
    """What the API works on."""

    @property
    def finding(self) -> str:
        """What keeps the manager from vouching for the switch; empty when all is well."""
        ...

    async def look(self) -> KillSwitch:
        """What is latched."""
        ...

    def acknowledgements(self, revision: int) -> tuple[Acknowledgement, ...]:
        """What each trading process has to say of this revision."""
        ...

    async def change(self, wanted: SwitchChange, *, forced: Collection[RuleName] = ()) -> KillSwitch:
        """Latch another state.

        Raises:
            NotYetStored: A stop that is kept, and not stored yet.
            StillTriggering: A release, and rules trigger that are not `forced`.
        """
        ...


class _Release(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reason: Reason | None = None
    person: Person | None = None
    force: list[RuleName] = Field([], max_length=len(RULE_NAMES))


_ASKS: Final[Mapping[str, Ask]] = {
    # No limit on calls keeps anybody from stopping.
    "POST /api/killswitch/enable": Ask(needs=Scope.ADMIN, is_counted=False),
    "POST /api/killswitch/disable": Ask(needs=Scope.ADMIN, is_counted=False),
    "GET /api/killswitch": Ask(needs=Scope.READ),
    "GET /api/health": OPEN,
}


def make_application(switch: KillSwitchControl, access: AccessControl) -> web.Application:
    """The routes of the table; the name of the token that was shown stands in `actor`."""
    api = _Api(switch)
    application = web.Application(
        client_max_size=BODY_BYTES_MAX, middlewares=[admitting(access, _ASKS), _errors_as_json]
    )
    application.add_routes(
        [
            web.post("/api/killswitch/enable", api.enable, expect_handler=_any_expectation),
            web.post("/api/killswitch/disable", api.disable),
            web.get("/api/killswitch", api.show),
            web.get("/api/health", api.health),
        ]
    )
    return application


class _Api:
    def __init__(self, switch: KillSwitchControl) -> None:
        self._switch = switch

    @reads_body_itself
    async def enable(self, request: web.Request) -> web.Response:
        asked = _stop_of(await _body_as_it_comes(request))
        wanted = SwitchChange(asked.state, MANUAL, asked.reason, _actor(request, asked.person))
        try:
            event = await self._switch.change(wanted)
        except NotYetStored as error:
            return _shown(error.event, {"stored": False, "message": _kept(error), "notes": asked.notes}, status=202)
        notes = list(asked.notes)
        if event.state is not wanted.state:
            notes.append(f"{event.state.name} was latched before and stays: nothing but a release loosens")
        return _shown(event, {"stored": True, "notes": notes})

    async def disable(self, request: web.Request) -> web.Response:
        body = await _release_of(request)
        wanted = SwitchChange(
            TradingState.ACTIVE, MANUAL, body.reason or "released by hand", _actor(request, body.person)
        )
        return _shown(await self._switch.change(wanted, forced=body.force))

    async def show(self, _: web.Request) -> web.Response:
        event = await self._switch.look()
        told = self._switch.acknowledgements(event.revision)
        return _shown(
            event,
            {
                "acknowledgements": [_acknowledged(each) for each in told],
                "unacknowledged": [_process_name(each) for each in told if not each.is_current],
            },
        )

    async def health(self, _: web.Request) -> web.Response:
        finding = self._switch.finding
        status = web.HTTPServiceUnavailable.status_code if finding else web.HTTPOk.status_code
        return _answer({"serving": not finding, "findings": [finding] if finding else []}, status)


def _actor(request: web.Request, person: str | None) -> str:
    return f"person {person}, {asked_by(request)}" if person else asked_by(request)


class _Stop:
    """What a body asks for, and what of it was not understood."""

    def __init__(self) -> None:
        self.state = TradingState.HALTED
        self.reason = STOPPED_BY_HAND
        self.person: str | None = None
        self.notes: list[str] = []


def _stop_of(body: bytes) -> _Stop:
    """Read a stop's body for what it is worth."""
    asked = _Stop()
    try:
        content: Any = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        asked.notes.append("the body is not JSON")
        return asked
    if not isinstance(content, dict):
        asked.notes.append("the body is not an object")
        return asked
    for field, value in content.items():
        match field, value:
            case ("reason" | "person", str()) if value.strip():
                if len(value) > (bound := REASON_CHARS_MAX if field == "reason" else NAME_CHARS_MAX):
                    asked.notes.append(f"{field}: cut to {bound} characters")
                setattr(asked, field, value[:BODY_BYTES_MAX])
            case "state", str() if value.upper() in ("HALTED", "REDUCING"):
                asked.state = TradingState[value.upper()]
            case _:
                asked.notes.append(f"{field[:NAME_CHARS_MAX]}: not understood, and left out")
    return asked


async def _body_as_it_comes(request: web.Request) -> bytes:
    """What can be had of a body without waiting long; none when it breaks off or cannot be unpacked."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WAIT_S):
            while len(body) < BODY_BYTES_MAX and (part := await request.content.read(BODY_BYTES_MAX)):
                body += part
    except Exception:  # noqa: BLE001  # whatever is wrong with the body, the stop goes on
        return b"\xff"  # not JSON, and told so
    return bytes(body)


async def _any_expectation(request: web.Request) -> None:
    """Let a stop pass whatever its `Expect` header says."""
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _release_of(request: web.Request) -> _Release:
    """Read the body; none at all means `{}`.

    Raises:
        InvalidField: Names the field and the rule.
    """
    try:
        content: Any = json.loads(await request.read() or b"{}")
    except (ValueError, RecursionError) as error:
        raise InvalidField("body", f"is not JSON: {error}") from None
    try:
        return _Release.model_validate(content)
    except ValidationError as error:
        problem = error.errors()[0]
        field = ".".join(map(str, problem["loc"])) or "body"
        rule = "no such field" if problem["type"] == "extra_forbidden" else problem["msg"]
        raise InvalidField(field, rule) from None


def _kept(error: NotYetStored) -> str:
    where = "on disk" if error.is_on_disk else "in memory only: its file cannot be written"
    return (
        f"the stop is not stored on the bus yet ({error.reason}); the system manager keeps it, {where}, and tries "
        "until it is stored. Until then it vouches for nothing: a trading process that has not heard the stop closes "
        "when the manager has been silent for manager_silence_max, and none can open"
    )


def _shown(event: KillSwitch, more: Mapping[str, object] | None = None, *, status: int = 200) -> web.Response:
    return _answer(
        {
            "state": event.state.name,
            "trigger": event.trigger,
            "reason": event.reason,
            "actor": event.actor,
            "revision": event.revision,
            "changed_unix_ns": event.changed_unix_ns,
            **(more or {}),
        },
        status,
    )


def _acknowledged(each: Acknowledgement) -> Mapping[str, object]:
    return {
        "service": each.service,
        "instance": each.instance,
        "revision": each.revision,
        "age_ms": each.age_ns // NS_PER_MS,
        "is_current": each.is_current,
    }


def _process_name(each: Acknowledgement) -> str:
    return f"{each.service} {each.instance}" if each.instance else f"{each.service}, of which none reports"


def _error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return _answer(error_answer(message, code), status, headers)


def _answer(content: Mapping[str, object], status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(content, status=status, headers=headers, dumps=json_text)


_CODES: Final = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 405: "UNIMPLEMENTED"}


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except InvalidField as error:
        return _error(400, error.code, str(error))
    except StillTriggering as error:
        rules = [{"rule": trip.rule, "reason": trip.reason} for trip in error.trips]
        return _answer({**error_answer(str(error), "FAILED_PRECONDITION"), "rules": rules}, 409)
    except ChangedMeanwhile as error:
        return _error(409, "ABORTED", str(error))
    except ProviderUnavailable as error:
        return _error(503, error.code, f"{error}; the bus has not confirmed")
    except web.HTTPException as error:
        kept = {name: value for name, value in error.headers.items() if name == "Allow"}
        return _error(error.status, _CODES.get(error.status, "INVALID_ARGUMENT"), error.reason, kept)
