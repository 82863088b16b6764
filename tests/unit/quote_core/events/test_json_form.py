"""Events as JSON: every kind, nothing lost, in names of one dialect."""

import dataclasses
import json
import re
from typing import Any

import pytest
from fakes.event_strategies import events
from fakes.pipeline_events import POOL_A, opportunity, round_trip_hops
from fakes.plans import plan
from hypothesis import given

from quote_core.errors import LayoutMismatch
from quote_core.events import Event
from quote_core.events.json_form import event_from_json, event_json
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


@given(events())
def test_what_was_printed_is_read_again_as_it_was(event: Event) -> None:
    assert event_from_json(json.loads(json_text(event_json(event)))) == event


def test_fields_of_a_newer_release_are_left_and_those_an_older_one_had_not_are_as_in_its_messages() -> None:
    told = json.loads(json_text(event_json(plan(1))))
    del told["hopMinAmountsOut"]
    told["fromTheFuture"] = {"a": 1}
    read = event_from_json(told)
    assert read == dataclasses.replace(
        plan(1),
        header=read.header,
        created=read.created,
        freshness=read.freshness,
        expires_unix_ns=read.expires_unix_ns,
        opportunity_created_unix_ns=read.opportunity_created_unix_ns,
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"type": "Nonsense"}, "event: has no type that is known: 'Nonsense'"),
        ({"pair": 3}, "ExecutionPlan.pair: must be of type str, is int"),
        ({"amountIn": "12"}, "ExecutionPlan.amountIn: must be of type int, is str"),
        ({"amountIn": True}, "ExecutionPlan.amountIn: must be of type int, is bool"),
        ({"hops": {}}, "ExecutionPlan.hops: must be of type list, is dict"),
        ({"hops": [3]}, r"ExecutionPlan.hops\[0\]: must be of type dict, is int"),
        (
            {"hops": [{**json.loads(json_text(event_json(plan(1))))["hops"][0], "provenance": []}]},
            "must be of type str",
        ),
        ({"opportunityId": "xyz"}, "ExecutionPlan.opportunityId: must be hexadecimal"),
        ({"header": {"eventId": "00"}}, "ExecutionPlan.header.createdUnixNs: is missing"),
    ],
)
def test_what_is_no_event_is_refused_with_its_field_and_rule(change: dict[str, Any], said: str) -> None:
    told = json.loads(json_text(event_json(plan(1)))) | change
    with pytest.raises(LayoutMismatch, match=said):
        event_from_json(told)


@pytest.mark.parametrize("document", [None, [], "ExecutionPlan", {}, {"type": ["ExecutionPlan"]}])
def test_a_document_that_names_no_type_is_no_event(document: object) -> None:
    with pytest.raises(LayoutMismatch, match="event: has no type that is known"):
        event_from_json(document)
