"""Whether the event schemas have evolved as docs/event-evolution.md allows, since the release whose schemas are kept.

    python proto/events_baseline.py            exit 1, naming each break of what was released
    python proto/events_baseline.py --release  keep the schemas as they are now: what a release does, nothing else

`events/baseline.json` holds what a message depends on: structs, enums and file identifiers as they are, tables and
unions by the place of each member. It is read from the schemas themselves, which use a small part of FlatBuffers'
language; what is not understood is refused. Nothing here needs flatc.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent
BASELINE: Final = ROOT / "events" / "baseline.json"
Schema = dict[str, dict[str, Any]]

_COMMENT: Final = re.compile(r"//[^\n]*")
_DECLARATION: Final = re.compile(
    r"\s*(?:(?P<skipped>include|namespace|root_type)\s[^;]*;"
    r'|file_identifier\s+"(?P<identifier>\w{4})"\s*;'
    r"|(?P<kind>struct|table|enum|union)\s+(?P<name>\w+)\s*(?::\s*(?P<base>\w+)\s*)?\{(?P<body>[^}]*)\})"
)
_FIELD: Final = re.compile(r"(\w+)\s*:\s*(\[?[\w:]+\]?)\s*(\(\s*required\s*\))?")
_MEMBER: Final = re.compile(r"(\w+)(?:\s*=\s*(\d+))?")


class SchemaError(ValueError):
    """A schema says something that is not understood here; names file and place."""


def read_schemas(folder: Path) -> Schema:
    """What messages depend on, by declaration, as plain JSON.

    Raises:
        SchemaError: A declaration is not understood, or a name is declared twice.
    """
    schema: Schema = {"struct": {}, "table": {}, "enum": {}, "union": {}, "file_identifier": {}}
    for path in sorted(folder.glob("*.fbs")):
        text = _COMMENT.sub("", path.read_text(encoding="utf-8"))
        position = 0
        while text[position:].strip():
            match = _DECLARATION.match(text, position)
            if match is None:
                raise SchemaError(f"{path.name}: not understood: {text[position:].strip()[:60]!r}")
            position = match.end()
            if match["identifier"]:
                schema["file_identifier"][path.name] = match["identifier"]
            elif match["kind"]:
                kind, name = match["kind"], match["name"]
                if any(name in names for names in schema.values()):
                    raise SchemaError(f"{path.name}: {name} is declared twice")
                members = list(_members(kind, match["body"], f"{path.name}: {name}"))
                schema[kind][name] = {"base": match["base"], "members": members} if kind == "enum" else members
    return schema


def _members(kind: str, body: str, where: str) -> Iterator[Any]:
    """Fields with their types; an enum's and a union's members with their numbers."""
    parts = [part.strip() for part in re.split(r"[;,]" if kind in {"struct", "table"} else ",", body) if part.strip()]
    following = 1 if kind == "union" else 0  # a union's 0 is none of its members
    for part in parts:
        match = (_FIELD if kind in {"struct", "table"} else _MEMBER).fullmatch(" ".join(part.split()))
        if kind in {"struct", "table"} and (found := re.fullmatch(r"(\w+)\s*:\s*(\[\w+:\d+\])", part)):
            yield [found[1], found[2]]
        elif match is None:
            raise SchemaError(f"{where}: not understood: {part[:60]!r}")
        elif kind in {"struct", "table"}:
            yield [match[1], match[2] + (" required" if match[3] else "")]
        else:
            following = int(match[2]) if match[2] else following
            yield [match[1], following]
            following += 1


def breaks(before: Schema, after: Schema) -> Iterator[str]:
    """A sentence for each thing that a program of the release would read wrongly, or not at all."""
    for file, identifier in before["file_identifier"].items():
        if after["file_identifier"].get(file) != identifier:
            yield f"{file}: its file identifier was {identifier}, is {after['file_identifier'].get(file)}"
    for kind in ("struct", "table", "enum", "union"):
        for name, was in before[kind].items():
            now = after[kind].get(name)
            if now is None:
                yield f"{kind} {name} is gone"
            elif kind == "struct" and now != was:
                yield f"struct {name} has changed: structs never do; a new one, and a new field for it"
            elif kind == "table":
                yield from _grown_at_the_end(f"table {name}", "field", was, now)
            elif kind == "union":
                yield from _grown_at_the_end(f"union {name}", "member", was, now)
            elif kind == "enum":
                yield from _enum_breaks(name, was, now)


def _grown_at_the_end(where: str, what: str, was: list[Any], now: list[Any]) -> Iterator[str]:
    for place, member in enumerate(was):
        if place >= len(now):
            yield f"{where}: {what} {member[0]} is gone"
        elif now[place] != member:
            yield f"{where}: {what} {place} was {_told(member)}, is {_told(now[place])}; new ones come at the end"
    for member in now[len(was) :]:
        if str(member[1]).endswith(" required"):
            yield f"{where}: {member[0]} is new and required, which older messages do not have"


def _enum_breaks(name: str, was: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    if was["base"] != now["base"]:
        yield f"enum {name} was of {was['base']}, is of {now['base']}"
    numbers = {number: member for member, number in now["members"]}
    for member, number in was["members"]:
        if numbers.get(number) != member:
            yield f"enum {name}: {number} was {member}, is {numbers.get(number, 'gone')}"


def _told(member: list[Any]) -> str:
    return f"{member[0]} ({member[1]})"


def main() -> int:
    """Check, or keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", action="store_true")
    schema = read_schemas(ROOT / "events")
    if parser.parse_args().release:
        BASELINE.write_text(json.dumps(schema, indent=1) + "\n", encoding="utf-8")
        return 0
    found = list(breaks(json.loads(BASELINE.read_text(encoding="utf-8")), schema))
    for one in found:
        print(f"events: {one}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
