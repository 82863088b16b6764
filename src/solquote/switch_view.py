"""The kill switch as people see it: what the system manager says is latched, who stopped trading, when and why.

On the standard library alone, as is `manager_request`: a command that shows it should not take long to begin.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from solquote.manager_request import ManagerClient, NoAnswer, Request

__all__ = ["SwitchView", "look_at_switch"]

_TEXT_CHARACTERS_MAX: Final = 500
_PROCESSES_COUNT_MAX: Final = 20
"""Told by name of those that have not acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchView:
    """One look at the kill switch."""

    state: str = "UNKNOWN"
    """ACTIVE, REDUCING, HALTED; UNKNOWN when the manager did not tell."""
    reason: str = ""
    """Why it is so, or why it is not known."""
    actor: str = ""
    """Who changed it last."""
    trigger: str = ""
    """What made them: a rule's name, or `manual`."""
    revision: int = 0
    changed_unix_ns: int = 0
    unacknowledged: tuple[str, ...] = ()
    """Trading processes that do not go by this revision yet, or have not said so."""

    @property
    def is_known(self) -> bool:
        """Whether the manager told."""
        return self.state != "UNKNOWN"

    @property
    def is_active(self) -> bool:
        """Whether trading may begin, as far as the switch is concerned."""
        return self.state == "ACTIVE"

    @property
    def sentence(self) -> str:
        """One line for people."""
        if not self.is_known:
            return f"the kill switch is not known: {self.reason}; who trades stops when its manager is silent"
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.changed_unix_ns // 1_000_000_000))
        said = f"trading is {self.state} since {since} UTC, by {self.actor or 'nobody named'}: {self.reason}"
        missing = ", ".join(self.unacknowledged)
        return f"{said}; not acknowledged by: {missing}" if missing else said

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        told: dict[str, object] = {"state": self.state, "reason": self.reason}
        if not self.is_known:
            return told
        return told | {
            "actor": self.actor,
            "trigger": self.trigger,
            "revision": self.revision,
            "changed_unix_ns": self.changed_unix_ns,
            "unacknowledged": list(self.unacknowledged),
        }


def look_at_switch(manager: ManagerClient, *, timeout_s: float) -> SwitchView:
    """Ask the manager; whatever goes wrong is the view's `reason`."""
    deadline_s = time.monotonic() + timeout_s
    try:
        request = Request.look(manager, timeout_s=timeout_s)
        try:
            answer = request.answer(until_mono_s=deadline_s)
        finally:
            request.close()
    except NoAnswer as error:
        return SwitchView(reason=str(error))
    if answer is None:
        return SwitchView(reason=f"{manager.where} did not answer within {timeout_s:g} s")
    return _told(answer.content, manager)


def _told(content: Mapping[str, Any], manager: ManagerClient) -> SwitchView:
    if "error" in content:
        return SwitchView(reason=f"{manager.where} says: {_text(content['error'])}")
    try:
        return SwitchView(
            state=_text(content["state"]),
            reason=_text(content["reason"]),
            actor=_text(content["actor"]),
            trigger=_text(content["trigger"]),
            revision=int(content["revision"]),
            changed_unix_ns=int(content["changedUnixNs"]),
            unacknowledged=tuple(map(_text, content.get("unacknowledged", ())[:_PROCESSES_COUNT_MAX])),
        )
    except (KeyError, TypeError, ValueError):
        return SwitchView(reason=f"{manager.where} answers with something else than a kill switch")


def _text(value: object) -> str:
    """What somebody wrote goes to a terminal: no control characters, and not endless."""
    return "".join(letter for letter in str(value) if letter.isprintable())[:_TEXT_CHARACTERS_MAX]
