import dataclasses
import json

from fakes.event_strategies import events
from fakes.pipeline_events import opportunity
from hypothesis import given

from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Event, Lifecycle, Phase, encode, kind_of, stamp
from quote_core.json_dialect import json_text
from solquote.event_lines import StoredEvent

STORED = 1_700_000_000_123_456_789


def stored(event: Event) -> StoredEvent:
    return StoredEvent(kind_of(type(event)).stream, 7, "subject", STORED, encode(event))


def test_a_line_says_where_it_was_stored_and_what_it_holds() -> None:
    told = json.loads(json_text(stored(opportunity()).as_json()))
    assert (told["stream"], told["sequence"], told["storedUnixNs"]) == ("OPPORTUNITIES", 7, STORED)
    assert told["storedAt"] == "2023-11-14T22:13:20.123456789Z"
    assert told["event"]["type"] == "TwoHopArbitrage"
    assert told["event"]["pair"] == "SOL-USDC"


def test_a_short_line_shows_what_matters() -> None:
    line = stored(opportunity()).short_line()
    assert line.startswith("22:13:20.123  TwoHopArbitrage   pair SOL-USDC  netProfitLamports ")


@given(events())
def test_every_event_has_a_short_line_without_control_characters(event: Event) -> None:
    assert stored(event).short_line().isprintable()


def test_a_terminals_escapes_in_an_event_do_not_reach_the_terminal() -> None:
    header = stamp(SYSTEM_CLOCK)
    event = Lifecycle(header=header, service="x\x1b[2J", instance="1", phase=Phase.READY, pid=1, detail="")
    assert "\x1b" not in stored(event).short_line()


def test_bytes_that_are_no_event_are_shown_as_such() -> None:
    unknown = dataclasses.replace(stored(opportunity()), data=b"nonsense!")
    assert unknown.as_json()["event"]["type"] == "unknown"
    assert unknown.as_json()["event"]["size_bytes"] == 9
    assert "file identifier" in unknown.short_line()
