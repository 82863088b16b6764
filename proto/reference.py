"""Write `docs/grpc.md` from the comments of the protos, or check that it is current.

python proto/reference.py           write it
python proto/reference.py --check   exit 1 when it differs
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import grpc_tools
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    ServiceDescriptorProto,
)
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent
PAGE = ROOT.parent / "docs" / "grpc.md"
ORDER = ("quote_aggregator", "quotes", "local_quote", "external_quote")
"""What a client needs first; every other file follows."""
PORTS = {
    "QuoteAggregatorService": "127.0.0.1:50051",
    "LocalQuoteService": "127.0.0.1:50052",
    "ExternalQuoteService": "127.0.0.1:50053",
}
INTRODUCTION = """# gRPC reference

Made from the comments in `proto/` by `make generate`; change them there. All three services also answer
`grpc.health.v1.Health` and reflection (v1, v1alpha), so that `grpcurl`, `ghz` and `buf curl` need no proto file. How a
stream behaves, and what a status code means, is in [quotes.md](quotes.md). In JSON, names are camelCase and 64-bit
numbers text. `fixed64` is a number of 64 bits that always takes 8 bytes. A number that is not set is 0; fields marked
optional say whether they are set.
"""

_Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Documented:
    """A proto file and the comment above each of its parts."""

    file: FileDescriptorProto
    comments: Mapping[_Path, str]

    def comment(self, *path: int) -> str:
        """In one line."""
        return " ".join(self.comments.get(path, "").split())


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    page = "\n".join(lines(documented()))
    if parser.parse_args().check:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
            return 0
        print("stale: docs/grpc.md; run `make generate`", file=sys.stderr)
        return 1
    PAGE.write_text(page, encoding="utf-8")
    return 0


def documented() -> list[Documented]:
    """Every proto file with its comments, in the order of the page."""
    names = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.proto"))
    well_known = resources.files(grpc_tools) / "_proto"
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "set.bin"
        arguments = ["protoc", f"-I{ROOT}", f"-I{well_known}", "--include_source_info", f"--descriptor_set_out={out}"]
        if protoc.main([*arguments, *names]) != 0:
            sys.exit("protoc does not accept the protos")
        files = FileDescriptorSet.FromString(out.read_bytes()).file
    found = [
        Documented(
            file,
            {
                tuple(location.path): location.leading_comments + location.trailing_comments
                for location in file.source_code_info.location
            },
        )
        for file in files
    ]
    return sorted(found, key=lambda one: _place(Path(one.file.name).stem))


def lines(files: list[Documented]) -> Iterator[str]:
    """The page."""
    yield INTRODUCTION
    yield "| service | default address | methods |"
    yield "|---|---|---|"
    for one in files:
        for service in one.file.service:
            methods = ", ".join(f"`{method.name}`" for method in service.method)
            yield f"| [{service.name}](#{service.name.lower()}) | {PORTS[service.name]} | {methods} |"
    for one in files:
        for index, service in enumerate(one.file.service):
            yield from _service(one, service, (6, index))
    for one in files:
        yield f"\n## Messages of {Path(one.file.name).name}"
        for index, message in enumerate(one.file.message_type):
            yield from _message(one, message, (4, index))
        for index, enum in enumerate(one.file.enum_type):
            yield from _enum(one, enum, (5, index))
    yield ""


def _service(one: Documented, service: ServiceDescriptorProto, path: _Path) -> Iterator[str]:
    yield f"\n## {service.name}"
    yield f"`{one.file.package}.{service.name}`: {one.comment(*path)}\n"
    yield "| method | takes | gives | what it does |"
    yield "|---|---|---|---|"
    for index, method in enumerate(service.method):
        gives = ("stream of " if method.server_streaming else "") + _link(method.output_type)
        takes = ("stream of " if method.client_streaming else "") + _link(method.input_type)
        yield f"| `{method.name}` | {takes} | {gives} | {_cell(one.comment(*path, 2, index))} |"


def _message(one: Documented, message: DescriptorProto, path: _Path) -> Iterator[str]:
    yield f"\n### {message.name}"
    yield one.comment(*path)
    if not message.field:
        return
    maps = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    yield "\n| # | field | type | what it is |"
    yield "|---|---|---|---|"
    for index, field in enumerate(message.field):
        comment = _cell(one.comment(*path, 2, index))
        yield f"| {field.number} | `{field.name}` | {_type(field, maps)} | {comment} |"


def _enum(one: Documented, enum: EnumDescriptorProto, path: _Path) -> Iterator[str]:
    yield f"\n### {enum.name}"
    yield one.comment(*path)
    yield "\n| # | value | what it means |"
    yield "|---|---|---|"
    for index, value in enumerate(enum.value):
        yield f"| {value.number} | `{value.name}` | {_cell(one.comment(*path, 2, index))} |"


def _type(field: FieldDescriptorProto, maps: Mapping[str, DescriptorProto]) -> str:
    entry = maps.get(field.type_name.rpartition(".")[2])
    if entry is not None:
        key, value = entry.field
        return f"map of {_type(key, {})} to {_type(value, {})}"
    if field.type_name:
        plain = _link(field.type_name)
    else:
        plain = FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {plain}"
    return f"optional {plain}" if field.proto3_optional else plain


def _link(type_name: str) -> str:
    name = type_name.rpartition(".")[2]
    return f"[{name}](#{name.lower()})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _place(stem: str) -> tuple[int, str]:
    return (ORDER.index(stem) if stem in ORDER else len(ORDER), stem)


if __name__ == "__main__":
    sys.exit(main())
