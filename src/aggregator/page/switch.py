"""The kill switch through the system manager's HTTP API: what is latched, and what a person tells it.

The token goes from the person's browser to the manager and is kept nowhere on the way: not in a log, an error, a topic.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, Self

import aiohttp
import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from aggregator.page.board import Board
from quote_core.access.caller import Caller
from quote_core.errors import DeadlinePassed, ProviderUnavailable, UpstreamError
from quote_core.events import NAME_CHARS_MAX, REASON_CHARS_MAX
from quote_core.setting_types import Secret

__all__ = ["Answered", "Asked", "ManagerSwitch", "switch_content"]

_LOOK_EVERY_S: Final = 1.0
_ANSWER_S_MAX: Final = 3.0
_ANSWER_BYTES_MAX: Final = 64 * 1024
_NAME: Final = "system manager"
_TEXT_CHARS_MAX: Final = 500
_TOKEN_CHARS_MAX: Final = 4_096
_RULE_COUNT_MAX: Final = 100
"""More than the manager has."""


class Asked(BaseModel):
    """What the page posts; without a reason the manager names the usual one."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    state: Literal["HALTED", "REDUCING", "ACTIVE"]
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=REASON_CHARS_MAX)] = ""
    person: Annotated[str, StringConstraints(strip_whitespace=True, max_length=NAME_CHARS_MAX)] = ""
    force: tuple[Annotated[str, StringConstraints(min_length=1, max_length=NAME_CHARS_MAX)], ...] = Field(
        (), max_length=_RULE_COUNT_MAX
    )
    """Rules that may trigger and trading is released all the same; the manager knows their names."""
    token: Secret = Field(min_length=1, max_length=_TOKEN_CHARS_MAX)

    @model_validator(mode="after")
    def _only_a_release_is_forced(self) -> Self:
        if self.force and self.state != "ACTIVE":
            raise ValueError("force: goes with a release alone")
        return self


@dataclass(frozen=True, slots=True)
class Answered:
    """What the manager said."""

    status: int
    content: Mapping[str, Any]


class ManagerSwitch:
    """Topic `switch`, and the way to change it.

    Args:
        address: Of the manager's HTTP API, host:port.
        caller: Who looks, and over what; a change is asked for by the person's own token.
    """

    def __init__(self, address: str, caller: Caller | None = None) -> None:
        self._address = address
        self._caller = caller if caller is not None else Caller()

    async def run(self, board: Board) -> None:
        """Look once a second; a manager that does not tell is what is shown."""
        async with self._session() as session:
            while True:
                board.put("switch", await self._look(session))
                await asyncio.sleep(_LOOK_EVERY_S)

    async def _look(self, session: aiohttp.ClientSession) -> dict[str, Any]:
        try:
            answered = await self._answer(session.get(self._url, headers=self._caller.headers()))
        except UpstreamError as error:
            return {"state": "UNKNOWN", "reason": str(error)}
        return switch_content(answered)

    async def change(self, asked: Asked) -> Answered:
        """Tell the manager; what it answers is for the person who asked.

        Raises:
            UpstreamError: It cannot be reached, or did not answer in time: nobody knows whether it heard.
        """
        action = "disable" if asked.state == "ACTIVE" else "enable"
        named = {
            "reason": asked.reason,
            "person": asked.person,
            "state": "" if action == "disable" else asked.state,
            "force": list(asked.force),
        }
        body = {name: value for name, value in named.items() if value}
        headers = {"Authorization": f"Bearer {asked.token.get_secret_value()}"}
        async with self._session() as session:
            return await self._answer(session.post(f"{self._url}/{action}", json=body, headers=headers))

    @property
    def _url(self) -> str:
        return f"{self._caller.scheme}://{self._address}/api/killswitch"

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=self._caller.context or True)
        return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=_ANSWER_S_MAX))

    async def _answer(self, request: Any) -> Answered:
        try:
            async with request as response:
                status, body = response.status, bytearray()
                while len(body) < _ANSWER_BYTES_MAX and (part := await response.content.read(_ANSWER_BYTES_MAX)):
                    body += part
        except TimeoutError:
            raise DeadlinePassed(_NAME, round(_ANSWER_S_MAX * 1_000)) from None
        except (aiohttp.ClientError, OSError):
            raise ProviderUnavailable(_NAME, f"cannot be reached at {self._address}") from None
        try:
            content = orjson.loads(body)
        except orjson.JSONDecodeError:
            content = None
        if not isinstance(content, dict):
            raise ProviderUnavailable(_NAME, f"answers at {self._address} with something else than an object")
        return Answered(status, content)


def switch_content(answered: Answered) -> dict[str, Any]:
    """What is latched; UNKNOWN, and why, when the manager does not say."""
    content = answered.content
    if answered.status != HTTPStatus.OK or "state" not in content:
        return {"state": "UNKNOWN", "reason": str(content.get("error", "the system manager does not say"))}
    changed_ns = content.get("changedUnixNs")
    return {
        "state": str(content["state"])[:_TEXT_CHARS_MAX],
        "reason": str(content.get("reason", ""))[:_TEXT_CHARS_MAX],
        "actor": str(content.get("actor", ""))[:_TEXT_CHARS_MAX],
        "trigger": str(content.get("trigger", ""))[:_TEXT_CHARS_MAX],
        "changed_unix_ms": changed_ns // 1_000_000 if isinstance(changed_ns, int) else None,
    }
