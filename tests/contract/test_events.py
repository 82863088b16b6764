"""Our codec against the code flatc made from the schemas: each reads what the other wrote, for every table there is."""

import dataclasses
import enum
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import pytest
from fakes.event_strategies import instances
from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.errors import LayoutMismatch
from quote_core.events import (
    EVENT_KINDS,
    Event,
    Header,
    Lifecycle,
    Phase,
    decode,
    encode,
)
from quote_core.events.codec import Codec
from quote_core.events.fields import fields_of, struct_of
from quote_core.events.json_form import event_from_json, event_json
from quote_core.events.subjects import EventKind
from quote_core.json_dialect import json_text

FAMILY_OF = {
    b"SQOP": "Opportunity",
    b"SQPL": "Plan",
    b"SQEX": "Execution",
    b"SQME": "Metrics",
    b"SQSY": "System",
    b"SQMK": "Market",
}
KINDS = pytest.mark.parametrize("kind", EVENT_KINDS, ids=lambda kind: kind.event.__name__)
ALL = Codec(EVENT_KINDS)
NO_ADDRESS = str(SoldersPubkey(bytes(32)))
GOLDEN = Path(__file__).parents[1] / "golden" / "events"
STORED = json.loads((GOLDEN / "stored.json").read_bytes())["messages"]
RELEASED = [one for path in sorted(GOLDEN.glob("release-*.json")) for one in json.loads(path.read_bytes())["messages"]]


def generated(name: str) -> Any:
    return importlib.import_module(f"quote_core.generated.events.v1.{name}")


def family_name(kind: EventKind) -> str:
    return FAMILY_OF[kind.file_identifier]


def camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def is_address(name: str) -> bool:
    return name.endswith(("_mint", "pool_id", "mints", "mint_a", "mint_b"))


def address_bytes(address: str) -> bytes:
    return bytes(SoldersPubkey.from_string(address))


def raw_value(value: Any) -> Any:
    """As the generated readers give it."""
    if isinstance(value, enum.Enum):
        return value.value
    return value


def values_of(event: Any) -> dict[str, Any]:
    return {field.name: getattr(event, field.name) for field in dataclasses.fields(event) if field.name != "header"}


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
        elif is_address(field.name):
            assert bytes(accessor(generated("Address").Address()).Bytes()) == address_bytes(expected)
        elif isinstance(expected, bytes):
            assert bytes(accessor()) == expected
        else:
            assert accessor() == raw_value(expected)


def read_item(name: str, read: Any, expected: Any) -> None:
    if is_address(name):
        assert bytes(read.Bytes()) == address_bytes(expected)
    elif dataclasses.is_dataclass(expected):
        read_struct(read, expected)
    else:
        assert read == raw_value(expected)


def read_table(reader: Any, event: Event) -> None:
    for name, expected in values_of(event).items():
        accessor = getattr(reader, camel(name))
        if isinstance(expected, tuple):
            assert getattr(reader, camel(name) + "Length")() == len(expected)
            for position, item in enumerate(expected):
                read_item(name, accessor(position), item)
        elif isinstance(expected, bytes):
            assert bytes(accessor().Bytes()) == expected
        elif isinstance(expected, str) and not is_address(name):
            assert accessor() == expected.encode()
        else:
            read_item(name, accessor(), expected)


def struct_arguments(value: Any) -> list[Any]:
    """A struct's leaves in the order the generated `Create` functions take them."""
    leaves: list[Any] = []
    for field in dataclasses.fields(value):
        member = getattr(value, field.name)
        if dataclasses.is_dataclass(member):
            leaves += struct_arguments(member)
        elif is_address(field.name):
            leaves.append(address_bytes(member))
        else:
            leaves.append(raw_value(member))
    return leaves


def create_item(builder: flatbuffers.Builder, name: str, item: Any) -> None:
    if is_address(name):
        generated("Address").CreateAddress(builder, address_bytes(item))
    elif dataclasses.is_dataclass(item):
        structure = type(item).__name__
        getattr(generated(structure), f"Create{structure}")(builder, *struct_arguments(item))
    elif name == "rows":
        builder.PrependUint32(item)
    else:
        builder.PrependUint64(item)


Ordered = Callable[[list[str]], list[str]]


def write(
    kind: EventKind,
    event: Any,
    ordered: Ordered = list,
    *,
    omitted: frozenset[str] = frozenset(),
    newer_count: int = 0,
    defaults_too: bool = False,
) -> bytes:
    """The event as a program that has only the schema would write it.

    Args:
        kind: Of the event.
        event: What to write.
        ordered: In which order fields are given to the builder, which lays them out by it.
        omitted: Fields this program does not know.
        newer_count: How many fields only it knows.
        defaults_too: Whether zeros are written, which a builder leaves out by itself.
    """
    builder = flatbuffers.Builder(0)
    builder.ForceDefaults(defaults_too)
    table, name_of_table = generated(kind.event.__name__), kind.event.__name__
    values = {name: value for name, value in values_of(event).items() if name not in omitted}
    offsets: dict[str, int] = {}
    for name in ordered(list(values)):
        value = values[name]
        if isinstance(value, str) and not is_address(name):
            offsets[name] = builder.CreateString(value)
        elif isinstance(value, tuple):
            getattr(table, f"{name_of_table}Start{camel(name)}Vector")(builder, len(value))
            for item in reversed(value):
                create_item(builder, name, item)
            offsets[name] = builder.EndVector()
    slot_count = len(fields_of(kind.event))
    builder.StartObject(slot_count + newer_count)
    for newer in range(newer_count):
        builder.PrependUint64Slot(slot_count + newer, 2**64 - 1 - newer, 0)
    for name in ordered(list(values)):
        value = values[name]
        if is_address(name) and isinstance(value, str):
            stored = generated("Address").CreateAddress(builder, address_bytes(value))
        elif isinstance(value, bytes):
            stored = generated("EventId").CreateEventId(builder, value)
        elif dataclasses.is_dataclass(value):
            structure = type(value).__name__
            stored = getattr(generated(structure), f"Create{structure}")(builder, *struct_arguments(value))
        else:
            stored = offsets.get(name, raw_value(value))
        getattr(table, f"{name_of_table}Add{camel(name)}")(builder, stored)
    body = getattr(table, f"{name_of_table}End")(builder)
    root_name = f"{family_name(kind)}Event"
    root = generated(root_name)
    getattr(root, f"{root_name}Start")(builder)
    for part in ordered(["body", "body_type", "header"]):
        if part == "header":
            stored = generated("Header").CreateHeader(builder, *struct_arguments(event.header))
        else:
            stored = body if part == "body" else kind.member
        getattr(root, f"{root_name}Add{camel(part)}")(builder, stored)
    builder.Finish(getattr(root, f"{root_name}End")(builder), kind.file_identifier)
    return bytes(builder.Output())


def zero_of(name: str, value: Any) -> Any:
    """What a field reads as that was not written."""
    if isinstance(value, tuple):
        return ()
    if isinstance(value, str):
        return NO_ADDRESS if is_address(name) else ""
    if isinstance(value, enum.Enum):
        return type(value)(0)
    if isinstance(value, bytes):
        return bytes(len(value))
    if dataclasses.is_dataclass(value):
        fields = dataclasses.fields(value)
        return type(value)(**{field.name: zero_of(field.name, getattr(value, field.name)) for field in fields})
    return type(value)()


@KINDS
def test_the_table_of_kinds_has_the_schemas_numbers(kind: EventKind) -> None:
    union = getattr(generated(f"{family_name(kind)}Body"), f"{family_name(kind)}Body")
    assert getattr(union, kind.event.__name__) == kind.member


def test_every_member_of_every_union_is_written_and_read_here() -> None:
    for identifier, family in FAMILY_OF.items():
        union = vars(getattr(generated(f"{family}Body"), f"{family}Body"))
        numbers = {value for value in union.values() if isinstance(value, int) and value}
        assert numbers == {kind.member for kind in EVENT_KINDS if kind.file_identifier == identifier}


@KINDS
def test_a_class_has_as_many_fields_as_its_table(kind: EventKind) -> None:
    class Started:
        def StartObject(self, slot_count: int) -> None:  # noqa: N802
            self.slot_count = slot_count

    started = Started()
    getattr(generated(kind.event.__name__), f"{kind.event.__name__}Start")(started)
    assert started.slot_count == len(fields_of(kind.event))


@KINDS
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_the_generated_readers_read_what_we_write(kind: EventKind, data: st.DataObject) -> None:
    event = data.draw(instances(kind.event))
    raw = ALL.encode(event)
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
    assert ALL.decode(write(kind, event)) == event


@KINDS
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_we_read_any_layout_of_any_version_of_a_table(kind: EventKind, data: st.DataObject) -> None:
    """Fields in any order, some of them left out or zero and left out, others there that are not known here."""
    event = data.draw(instances(kind.event))
    values = values_of(event)
    omitted = data.draw(st.frozensets(st.sampled_from(sorted(values))))
    zeroed = data.draw(st.frozensets(st.sampled_from(sorted(values))))
    zeros = {name: zero_of(name, value) for name, value in values.items()}
    event = dataclasses.replace(event, **{name: zeros[name] for name in zeroed})
    raw = write(
        kind,
        event,
        lambda names: data.draw(st.permutations(names)),
        omitted=omitted,
        newer_count=data.draw(st.integers(0, 3)),
        defaults_too=data.draw(st.booleans()),
    )
    expected = dataclasses.replace(event, **{name: zeros[name] for name in omitted})
    assert ALL.decode(raw) == expected
    seen = ALL.view(raw)
    assert {name: seen[name] for name in values} == values_of(expected)
    assert seen["header"] == event.header


@KINDS
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_what_others_wrote_and_somebody_spoilt_is_read_or_refused(kind: EventKind, data: st.DataObject) -> None:
    raw = bytearray(write(kind, data.draw(instances(kind.event)), lambda names: data.draw(st.permutations(names))))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    del raw[data.draw(st.integers(8, len(raw)) | st.just(len(raw))) :]
    try:
        event = ALL.decode(bytes(raw))
    except LayoutMismatch:
        return
    seen = ALL.view(bytes(raw))
    assert {name: seen[name] for name in values_of(event)} == values_of(event)


def structs_of(kind: Any) -> dict[type, int]:
    """Every struct in a field or in another struct, and its size."""
    kind = getattr(kind, "item", kind)
    if getattr(kind, "code", "") != "struct":
        return {}
    sizes = {kind.python: kind.size_bytes}
    for member in kind.members:
        sizes |= structs_of(member.kind)
    return sizes


@KINDS
def test_structs_have_the_schemas_size(kind: EventKind) -> None:
    held = structs_of(struct_of(Header))
    for field in fields_of(kind.event):
        held |= structs_of(field.kind)
    for structure, size_bytes in held.items():
        assert size_bytes == getattr(generated(structure.__name__), structure.__name__).SizeOf()


@pytest.mark.parametrize("stored", STORED, ids=lambda stored: stored["event"]["type"])
def test_what_streams_keep_is_read_as_ever_and_written_again_byte_for_byte(stored: dict[str, Any]) -> None:
    raw = bytes.fromhex(stored["message"])
    event = decode(raw)
    told = json.loads(json.dumps(event_json(event)))
    assert {name: told.get(name) for name in stored["event"]} == stored["event"]
    later = [field for field in dataclasses.fields(event) if field.name not in stored["event"]]
    assert [getattr(event, field.name) for field in later] == [field.default for field in later]
    if not later:  # fields that were added since have their places in what is written now
        assert encode(event) == raw


@pytest.mark.parametrize("stored", RELEASED, ids=lambda stored: stored["event"]["type"])
def test_what_an_earlier_release_wrote_is_read_from_its_bytes_and_from_its_json(stored: dict[str, Any]) -> None:
    event = decode(bytes.fromhex(stored["message"]))
    told = json.loads(json.dumps(event_json(event)))
    assert {name: told[name] for name in stored["event"]} == stored["event"]
    assert event_from_json(json.loads(json_text(stored["event"]))) == event


def test_messages_of_every_class_are_kept() -> None:
    assert [stored["event"]["type"] for stored in STORED] == [kind.event.__name__ for kind in EVENT_KINDS]


def test_what_an_older_writer_did_not_know_reads_as_zero_and_empty() -> None:
    kind = next(kind for kind in EVENT_KINDS if kind.event is Lifecycle)
    header = Header(event_id=bytes(16), created_unix_ns=5, slot=6)
    event = Lifecycle(header=header, service="scanner", instance="x", phase=Phase.READY, pid=7, detail="y")
    older = write(kind, event, omitted=frozenset({"instance", "phase", "pid", "detail"}))
    assert decode(older) == Lifecycle(
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
