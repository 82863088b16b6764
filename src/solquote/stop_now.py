"""`solquote kill`: the stop goes out first, and everything else follows.

| the system manager                            | then                                                            |
|-----------------------------------------------|-----------------------------------------------------------------|
| has stored the stop                           | done                                                            |
| keeps it, the bus has not confirmed it yet    | told as such: it is retried until stored, nothing opens before  |
| refuses, cannot be reached, or says nothing   | a stop request is published on the bus, and the manager's       |
| within `HURRY_S`                              | answer still taken if it comes; whoever is alive latches        |

Nothing that is wrong with the command line keeps a stop from going out; it is told afterwards. Imported before the
settings' models and typer, so only the standard library and what stands on it alone may be imported at the top.
"""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from quote_core.environment import given
from quote_core.json_dialect import error_answer, json_text
from quote_core.setting_names import unknown_sections, unknown_variables
from quote_core.units import is_plain_decimal
from solquote.exit_codes import ExitCode
from solquote.lean_libraries import load_bus_libraries
from solquote.manager_request import Answer, NoAnswer, Request, environment_of, find_manager, this_person
from solquote.standard_streams import drop_output

__all__ = ["Order", "read_order", "stop_now"]

HURRY_S: Final = 0.5
"""A manager that has not answered by then may be dead: the bus is asked as well."""

TIMEOUT_S: Final = 5.0
TIMEOUT_S_MAX: Final = 300.0
_STATES: Final = ("halted", "reducing")


@dataclass(slots=True)
class Order:
    """What the command line asks for."""

    reason: str = ""
    state: str = "halted"
    timeout_s: float = TIMEOUT_S
    data_dir: str | None = None
    as_json: bool = False
    notes: list[str] = field(default_factory=list)
    """What of it was not understood."""


@dataclass(slots=True)
class _Outcome:
    """Who has confirmed what, in sentences; `shown` is what `--json` prints when somebody has."""

    shown: dict[str, Any] | None = None
    sentence: str = ""
    kind: str = "UNAVAILABLE"
    exit_code: int = ExitCode.OK


def read_order(arguments: Sequence[str]) -> Order:
    """Read the options for what they are worth."""
    order = Order()
    rest = list(arguments)
    while rest:
        name, has_value, value = rest.pop(0).partition("=")
        if name == "--json":
            order.as_json = True
        elif name in ("--reason", "--state", "--timeout", "--data-dir") and (has_value or rest):
            _set(order, name, value if has_value else rest.pop(0))
        else:
            order.notes.append(f"{name}: not understood, and left out")
    return order


def _set(order: Order, name: str, value: str) -> None:
    if name == "--reason":
        order.reason = value
    elif name == "--data-dir":
        order.data_dir = value
    elif name == "--state" and value.lower() in _STATES:
        order.state = value.lower()
    elif name == "--timeout" and is_plain_decimal(value) and 0 < float(value) <= TIMEOUT_S_MAX:
        order.timeout_s = float(value)
    else:
        order.notes.append(f"{name}: {value!r} is not understood; what is usual was taken")


def stop_now(order: Order, environ: Mapping[str, str]) -> int:
    """Stop trading, and tell who has confirmed it.

    Returns:
        Exit code: 0 when the stop is latched, by whomever.
    """
    outcome = _stop(order, environ)
    if order.data_dir is not None and not os.path.isdir(order.data_dir):
        order.notes.append(f"--data-dir: {order.data_dir} is no folder")
    environ = given(environ)
    order.notes += [*unknown_variables(environ), *unknown_sections(environ)]
    return _tell(order, outcome)


def _stop(order: Order, environ: Mapping[str, str]) -> _Outcome:
    deadline_s = time.monotonic() + order.timeout_s
    environ = environment_of(environ, order.data_dir)
    person = this_person()
    try:
        manager = find_manager(environ)
    except NoAnswer as error:
        return _ask_the_bus(order, environ, person, deadline_s, _outcome(None, error))
    order.notes += manager.notes
    body = {"state": order.state.upper(), "person": person} | ({"reason": order.reason} if order.reason else {})
    request: Request | None = None
    try:
        request = Request.sent(manager, "enable", body, timeout_s=min(HURRY_S, order.timeout_s))
        answer = request.answer(until_mono_s=min(deadline_s, time.monotonic() + HURRY_S))
        silence = NoAnswer("DEADLINE_EXCEEDED", f"{manager.where} did not answer within {order.timeout_s:g} s")
        outcome = _outcome(answer, silence)
        if outcome.shown is None:
            outcome = _ask_the_bus(order, environ, person, deadline_s, outcome)
            if outcome.shown is None and answer is None:
                outcome = _later(request, deadline_s, outcome)
    except NoAnswer as error:
        outcome = _ask_the_bus(order, environ, person, deadline_s, _outcome(None, error))
    finally:
        if request is not None:
            request.close()
    return outcome


def _outcome(answer: Answer | None, otherwise: NoAnswer) -> _Outcome:
    """What the manager's answer means."""
    if answer is None:
        codes = {"DEADLINE_EXCEEDED": ExitCode.TIMED_OUT, "DATA_LOSS": ExitCode.BAD_DATA}
        codes["PERMISSION_DENIED"] = ExitCode.BAD_INPUT
        return _Outcome(
            sentence=str(otherwise), kind=otherwise.kind, exit_code=codes.get(otherwise.kind, ExitCode.UNAVAILABLE)
        )
    content = dict(answer.content)
    if "error" in content or "state" not in content:
        kind = str(content.get("errorCode", "UNKNOWN"))
        message = str(content.get("error", f"HTTP {answer.status}"))
        if kind == "UNAUTHENTICATED":
            return _Outcome(
                sentence=f"the system manager refuses the token: {message}", kind=kind, exit_code=ExitCode.BAD_INPUT
            )
        return _Outcome(sentence=message, kind=kind, exit_code=ExitCode.UNAVAILABLE)
    content["confirmed_by"] = "system manager"
    if content.get("stored") is False:
        return _Outcome(content, str(content.get("message", "the stop is not stored yet")), "", ExitCode.UNAVAILABLE)
    return _Outcome(content, _state_line(content))


def _state_line(content: Mapping[str, Any]) -> str:
    changed_s = content.get("changedUnixNs", 0) / 1e9
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(changed_s))
    said = f"trading is {content['state']} since {since} UTC: {content.get('reason', '')}"
    return f"{said} (revision {content.get('revision', 0)})"


def _ask_the_bus(
    order: Order, environ: Mapping[str, str], person: str, deadline_s: float, manager: _Outcome
) -> _Outcome:
    """Publish a stop request; `manager` is what the manager had to say."""
    load_bus_libraries()
    from solquote.bus_stop import request_stop  # noqa: PLC0415  # takes long to load, and is seldom needed

    wait_s = max(deadline_s - time.monotonic(), HURRY_S)
    refusal = request_stop(environ, state=order.state, reason=order.reason, person=person, timeout_s=wait_s)
    if refusal:
        sentence = f"nobody has confirmed the stop: {manager.sentence}; {refusal}"
        return _Outcome(None, sentence, manager.kind, manager.exit_code)
    sentence = (
        f"trading is stopped: the bus has stored the stop request, which keeps every trading process closed; "
        f"the system manager has not confirmed it ({manager.sentence}) and latches it as soon as it is there"
    )
    shown = {"state": order.state.upper(), "stored": True, "confirmed_by": "bus", "message": sentence}
    return _Outcome(shown, sentence)


def _later(request: Request, deadline_s: float, outcome: _Outcome) -> _Outcome:
    """Take the manager's answer after all, if it comes."""
    try:
        answer = request.answer(until_mono_s=deadline_s)
    except NoAnswer:
        return outcome
    return outcome if answer is None else _outcome(answer, NoAnswer("", ""))


def _tell(order: Order, outcome: _Outcome) -> int:
    shown = outcome.shown
    notes = [*order.notes, *map(str, (shown or {}).get("notes", ()))]
    if shown is not None:
        with_notes = shown | ({"notes": notes} if notes else {})
        if not _written(json_text(with_notes) if order.as_json else outcome.sentence):
            return ExitCode.READER_GONE
    elif order.as_json:
        sys.stderr.write(json_text(error_answer("; ".join([outcome.sentence, *notes]), outcome.kind)) + "\n")
    else:
        sys.stderr.write(f"solquote: {outcome.sentence}\n")
    if not order.as_json:
        sys.stderr.writelines(f"solquote: {note}\n" for note in notes)
    return outcome.exit_code


def _written(text: str) -> bool:
    """Whether standard output took it; the stop stands, whoever reads of it."""
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError:
        drop_output()
        return False
    return True
