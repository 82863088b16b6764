"""Events as JSON: every kind, nothing lost, in names of one dialect."""

import dataclasses
import json
import re

from fakes.event_strategies import events
from fakes.pipeline_events import POOL_A, opportunity, round_trip_hops
from fakes.plans import plan
from hypothesis import given

from quote_core.events import Event
from quote_core.events.json_form import event_json
from quote_core.json_dialect import camel_case, json_text


@given(events())
def test_every_event_is_json_with_all_its_fields_in_camel_case(event: Event) -> None:
    told = json.loads(json_text(event_json(event)))
    assert told.pop("type") == type(event).__name__
    assert set(told) == {camel_case(field.name) for field in dataclasses.fields(event)}
    assert all(re.fullmatch("[a-z][A-Za-z0-9]*", name) for name in told)


def test_numbers_stay_exact_ids_are_hexadecimal_and_enums_are_names() -> None:
    event = dataclasses.replace(plan(1), amount_in=2**64 - 1, hops=round_trip_hops(1, 2, 3))
    told = json.loads(json_text(event_json(event)))
    assert told["amountIn"] == 2**64 - 1
    assert told["header"]["eventId"] == event.header.event_id.hex()
    assert told["hops"][0]["poolId"] == POOL_A
    assert told["hops"][0]["provenance"] == event.hops[0].provenance.name


def test_what_is_not_known_is_null() -> None:
    assert event_json(opportunity())["header"]["trace"] is None
    assert event_json(opportunity())["created"] is not None
