"""Our codec against the code flatc made from the schemas: each reads what the other wrote."""

import dataclasses
import enum
import importlib
from typing import Any

import flatbuffers
import pytest
from fakes.event_strategies import instances
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.errors import LayoutMismatch
from quote_core.events import EVENT_KINDS, Event, Header, Hop, Lifecycle, Phase, decode, encode
from quote_core.events.fields import struct_of
from quote_core.events.subjects import EventKind

FAMILY_OF = {b"SQOP": "Opportunity", b"SQPL": "Plan", b"SQEX": "Execution", b"SQME": "Metrics", b"SQSY": "System"}
KINDS = pytest.mark.parametrize("kind", EVENT_KINDS, ids=lambda kind: kind.event.__name__)


def generated(name: str) -> Any:
    return importlib.import_module(f"quote_core.generated.events.v1.{name}")


def family_name(kind: EventKind) -> str:
    return FAMILY_OF[kind.file_identifier]


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def raw_value(value: Any) -> Any:
    """As the generated readers give it."""
    if isinstance(value, enum.Enum):
        return value.value
    return value


def read_struct(reader: Any, value: Any) -> None:
    """Compare a generated struct reader with one of our values, field by field."""
    for field in dataclasses.fields(value):
        expected = getattr(value, field.name)
        accessor = getattr(reader, camel(field.name))
        if field.name == "event_id":
            assert bytes(accessor(generated("EventId").EventId()).Bytes()) == expected
        elif dataclasses.is_dataclass(expected):
            name = type(expected).__name__
            read_struct(accessor(getattr(generated(name), name)()), expected)
        elif field.name.endswith(("_mint", "pool_id")):
            assert bytes(accessor(generated("Address").Address()).Bytes()) == bytes(SoldersPubkey.from_string(expected))
        elif isinstance(expected, bytes):
            assert bytes(accessor()) == expected
        else:
            assert accessor() == raw_value(expected)


def read_table(reader: Any, event: Event) -> None:
    for field in dataclasses.fields(event):
        expected = getattr(event, field.name)
        if field.name == "header":
            continue
        accessor = getattr(reader, camel(field.name))
        if isinstance(expected, tuple):
            assert getattr(reader, camel(field.name) + "Length")() == len(expected)
            for position, item in enumerate(expected):
                read_struct(accessor(position), item)
        elif isinstance(expected, bytes):
            assert bytes(accessor().Bytes()) == expected
        elif field.name.endswith("_mint"):
            assert bytes(accessor().Bytes()) == bytes(SoldersPubkey.from_string(expected))
        elif isinstance(expected, str):
            assert accessor() == expected.encode()
        elif dataclasses.is_dataclass(expected):
            read_struct(accessor(), expected)
        else:
            assert accessor() == raw_value(expected)


def struct_arguments(value: Any) -> list[Any]:
    """A struct's leaves in the order the generated `Create` functions take them."""
    leaves: list[Any] = []
    for field in dataclasses.fields(value):
        member = getattr(value, field.name)
        if dataclasses.is_dataclass(member):
            leaves += struct_arguments(member)
        elif field.name.endswith(("_mint", "pool_id")):
            leaves.append(bytes(SoldersPubkey.from_string(member)))
        else:
            leaves.append(raw_value(member))
    return leaves


def write(kind: EventKind, event: Event) -> bytes:
    """The event as a program that has only the schema would write it."""
    builder = flatbuffers.Builder(0)
    table = generated(kind.event.__name__)
    offsets: dict[str, int] = {}
    values = {f.name: getattr(event, f.name) for f in dataclasses.fields(event) if f.name != "header"}
    addresses = {name for name in values if name.endswith("_mint")}
    for name, value in values.items():
        if isinstance(value, str) and name not in addresses:
            offsets[name] = builder.CreateString(value)
        elif isinstance(value, tuple):
            getattr(table, f"{kind.event.__name__}Start{camel(name)}Vector")(builder, len(value))
            for item in reversed(value):
                structure = type(item).__name__
                getattr(generated(structure), f"Create{structure}")(builder, *struct_arguments(item))
            offsets[name] = builder.EndVector()
    getattr(table, f"{kind.event.__name__}Start")(builder)
    for name, value in values.items():
        if name in addresses:
            stored = generated("Address").CreateAddress(builder, bytes(SoldersPubkey.from_string(value)))
        elif isinstance(value, bytes):
            stored = generated("EventId").CreateEventId(builder, value)
        elif dataclasses.is_dataclass(value):
            structure = type(value).__name__
            stored = getattr(generated(structure), f"Create{structure}")(builder, *struct_arguments(value))
        else:
            stored = offsets.get(name, raw_value(value))
        getattr(table, f"{kind.event.__name__}Add{camel(name)}")(builder, stored)
    body = getattr(table, f"{kind.event.__name__}End")(builder)
    root_name = f"{family_name(kind)}Event"
    root = generated(root_name)
    getattr(root, f"{root_name}Start")(builder)
    getattr(root, f"{root_name}AddBody")(builder, body)
    getattr(root, f"{root_name}AddBodyType")(builder, kind.member)
    header = generated("Header").CreateHeader(builder, *struct_arguments(event.header))
    getattr(root, f"{root_name}AddHeader")(builder, header)
    builder.Finish(getattr(root, f"{root_name}End")(builder), kind.file_identifier)
    return bytes(builder.Output())


@KINDS
def test_the_table_of_kinds_has_the_schemas_numbers(kind: EventKind) -> None:
    union = getattr(generated(f"{family_name(kind)}Body"), f"{family_name(kind)}Body")
    assert getattr(union, kind.event.__name__) == kind.member


@KINDS
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_generated_readers_read_what_we_write(kind: EventKind, data: st.DataObject) -> None:
    event = data.draw(instances(kind.event))
    raw = encode(event)
    root_name = f"{family_name(kind)}Event"
    root_class = getattr(generated(root_name), root_name)
    assert getattr(root_class, f"{root_name}BufferHasIdentifier")(raw, 0)
    root = root_class.GetRootAs(raw)
    assert root.BodyType() == kind.member
    read_struct(root.Header(), event.header)
    body = getattr(generated(kind.event.__name__), kind.event.__name__)()
    table = root.Body()
    body.Init(table.Bytes, table.Pos)
    read_table(body, event)


@KINDS
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_we_read_what_the_generated_code_writes(kind: EventKind, data: st.DataObject) -> None:
    event = data.draw(instances(kind.event))
    assert decode(write(kind, event)) == event


@pytest.mark.parametrize("structure", [Header, Hop])
def test_structs_have_the_schemas_size(structure: type[Any]) -> None:
    assert struct_of(structure).size_bytes == getattr(generated(structure.__name__), structure.__name__).SizeOf()


def test_what_an_older_writer_did_not_know_reads_as_zero_and_empty() -> None:
    lifecycle = generated("Lifecycle")
    builder = flatbuffers.Builder(0)
    service = builder.CreateString("scanner")
    lifecycle.LifecycleStart(builder)
    lifecycle.LifecycleAddService(builder, service)
    body = lifecycle.LifecycleEnd(builder)
    root = generated("SystemEvent")
    root.SystemEventStart(builder)
    root.SystemEventAddBody(builder, body)
    root.SystemEventAddBodyType(builder, 2)
    header = Header(event_id=bytes(16), created_unix_ns=5, slot=6)
    root.SystemEventAddHeader(builder, generated("Header").CreateHeader(builder, *struct_arguments(header)))
    builder.Finish(root.SystemEventEnd(builder), b"SQSY")
    assert decode(bytes(builder.Output())) == Lifecycle(
        header=header, service="scanner", instance="", phase=Phase.STARTING, pid=0, detail=""
    )


def test_a_message_without_a_header_is_refused() -> None:
    builder = flatbuffers.Builder(0)
    lifecycle, root = generated("Lifecycle"), generated("SystemEvent")
    lifecycle.LifecycleStart(builder)
    body = lifecycle.LifecycleEnd(builder)
    root.SystemEventStart(builder)
    root.SystemEventAddBody(builder, body)
    root.SystemEventAddBodyType(builder, 2)
    builder.Finish(root.SystemEventEnd(builder), b"SQSY")
    with pytest.raises(LayoutMismatch, match="header is missing"):
        decode(bytes(builder.Output()))
