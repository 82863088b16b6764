"""Every field of the gRPC contract says what it is, and every number in which unit: a client reads nothing else."""

import re
from importlib import resources
from pathlib import Path

import grpc_tools
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

PROTO = Path(__file__).parents[2] / "proto"
FILES = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
UNIT = re.compile(
    r"\b(units?|milliseconds|nanoseconds|seconds|basis points|percent|0 to 1|fractions?|slot|bytes|count|counts|counted"
    r"|dollars|hash|number|per whole|monotonic clock|requests per second|CLOCK_MONOTONIC|clock)\b",
    re.IGNORECASE,
)
WITHOUT_UNIT = {
    FieldDescriptorProto.TYPE_STRING,
    FieldDescriptorProto.TYPE_BOOL,
    FieldDescriptorProto.TYPE_MESSAGE,
    FieldDescriptorProto.TYPE_ENUM,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FileDescriptorProto]:
    out = tmp_path_factory.mktemp("descriptors") / "set.bin"
    well_known = str(resources.files(grpc_tools) / "_proto")
    arguments = ["protoc", f"-I{PROTO}", f"-I{well_known}", "--include_source_info", f"--descriptor_set_out={out}"]
    assert protoc.main([*arguments, *FILES]) == 0
    return {file.name: file for file in FileDescriptorSet.FromString(out.read_bytes()).file}


def uncommented(file: FileDescriptorProto) -> list[str]:
    """Each field and enum value without a comment of its own, and each number whose comment has no unit."""
    comments = {
        tuple(location.path): location.leading_comments + location.trailing_comments
        for location in file.source_code_info.location
    }
    found = []

    def look(message: DescriptorProto, path: tuple[int, ...], scope: str) -> None:
        if message.options.map_entry:
            return
        for index, field in enumerate(message.field):
            comment = comments.get((*path, 2, index), "").strip()
            if not comment:
                found.append(f"{scope}.{field.name} has no comment")
            elif field.type not in WITHOUT_UNIT and not UNIT.search(comment):
                found.append(f"{scope}.{field.name} names no unit: {comment}")
        for index, nested in enumerate(message.nested_type):
            look(nested, (*path, 3, index), f"{scope}.{nested.name}")

    for index, message in enumerate(file.message_type):
        look(message, (4, index), message.name)
    for index, enum in enumerate(file.enum_type):
        for number, value in enumerate(enum.value):
            if not comments.get((5, index, 2, number), "").strip():
                found.append(f"{value.name} has no comment")
    return found


@pytest.mark.parametrize("name", FILES)
def test_every_field_has_a_comment_and_every_number_a_unit(files: dict[str, FileDescriptorProto], name: str):
    assert uncommented(files[name]) == []


def test_a_field_without_a_comment_or_unit_is_found(files: dict[str, FileDescriptorProto]):
    file = FileDescriptorProto()
    file.CopyFrom(files["solquote/v1/quotes.proto"])
    for location in file.source_code_info.location:
        if location.path == [4, 0, 2, 0]:
            location.ClearField("leading_comments")
        if location.path == [4, 0, 2, 3]:
            location.leading_comments = "As asked"
    assert uncommented(file) == [
        "TokenPair.input_mint has no comment",
        "TokenPair.rows names no unit: As asked",
    ]
