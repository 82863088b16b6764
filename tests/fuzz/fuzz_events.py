"""Messages of the bus, spoilt at random; not collected by pytest.

    make sanitize                                             # 200,000 cases on the build with sanitizers
    python tests/fuzz/fuzz_events.py --cases 1000000 --seed 7 # on the release build

One case spoils a message that was kept: bytes, or the 16- and 32-bit numbers that vtables, offsets and counts are made
of, and now and then its length. It may be refused with `LayoutMismatch`; one that is read must say the same whole and
field by field, and again once it was written. Anything else is a finding, and its message is printed. The codec is
compiled by gcc, whose coverage libFuzzer does not take: hence chance, and no atheris here.
"""

import argparse
import dataclasses
import json
import random
import struct
import sys
from pathlib import Path
from typing import Final

from quote_core.errors import LayoutMismatch
from quote_core.events import decode, encode, view

STORED: Final = Path(__file__).parents[1] / "golden" / "events" / "stored.json"
EDIT_COUNT_MAX: Final = 4
TABLES_END: Final = 160
"""Before it lie root, header and vtables, which half of all edits are of."""


def spoilt(message: bytes, chance: random.Random) -> bytes:
    """Change some numbers, and one message in eight's length."""
    changed = bytearray(message)
    for _ in range(chance.randint(1, EDIT_COUNT_MAX)):
        at = chance.randrange(chance.choice((min(TABLES_END, len(changed)), len(changed))))
        size_bytes, code = chance.choice(((1, "<B"), (2, "<H"), (4, "<I")))
        if at + size_bytes <= len(changed):
            before = int(struct.unpack_from(code, changed, at)[0])
            near = (before + chance.choice((-4, -2, -1, 1, 2, 4)), chance.randrange(len(changed) + 8))
            far = (0, -1, 1 << (8 * size_bytes - 1), -chance.randrange(len(changed)))
            number = chance.choice((*near, *far, chance.getrandbits(32)))
            struct.pack_into(code, changed, at, number % (1 << 8 * size_bytes))
    if not chance.randrange(8):
        del changed[chance.randrange(len(changed)) :]
    return bytes(changed)


def is_read(message: bytes) -> bool:
    """Read a message both ways, and again once written; false when it is refused."""
    try:
        event = decode(message)
    except LayoutMismatch:
        event = None
    try:
        seen = view(message)
        fields = {field.name: seen[field.name] for field in dataclasses.fields(seen.event)}
    except LayoutMismatch:
        assert event is None, "read whole, and not field by field"
        return False
    assert event is not None, "read field by field, and not whole"
    assert fields == {name: getattr(event, name) for name in fields}
    assert decode(encode(event)) == event
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    chance, read_count = random.Random(arguments.seed), 0
    messages = [bytes.fromhex(stored["message"]) for stored in json.loads(STORED.read_bytes())["messages"]]
    for _ in range(arguments.cases):
        message = spoilt(chance.choice(messages), chance)
        try:
            read_count += is_read(message)
        except BaseException:
            sys.stderr.write(f"{message.hex()}\n")
            raise
    refused_count = arguments.cases - read_count
    sys.stdout.write(f"{arguments.cases} messages: {read_count} read, {refused_count} refused, none worse\n")


if __name__ == "__main__":
    main()
