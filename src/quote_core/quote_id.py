"""The id of a quote, which follows from the quote: whoever holds one works it out, and nothing carries it.

A quote is known everywhere (gRPC, HTTP, shared memory, events) by the same six facts: who gave it, its route, what goes
in, how much of it, how much comes out, and the newest slot at which that was known true. An id is these, packed:

| bytes  | holds                                                                                 |
|--------|---------------------------------------------------------------------------------------|
| 0      | 0xA8 + source (1 local, 2 external); 0xA8 is the version, another layout has another   |
| 1..8   | route id                                                                              |
| 9..16  | input, smallest units                                                                 |
| 17..24 | output, smallest units                                                                |
| 25..32 | `vouched_slot`                                                                        |
| 33..36 | CRC-32 of the input mint's base58 text: one route id is of both directions of a pool   |
| 37..38 | CRC-32 of the bytes before, its lower half: a mistyped id is told from one of no quote |

Numbers are big-endian; the text is these 39 bytes in URL-safe base64, 52 characters that begin with `q`. Making one
takes a microsecond, so it is made where somebody asks.
"""

import binascii
import struct
import zlib
from typing import Final, NamedTuple

from quote_core.errors import InvalidField

__all__ = ["EXTERNAL", "ID_CHARACTERS", "LOCAL", "QuoteId", "input_mark", "parse_quote_id", "quote_id_of"]

LOCAL: Final = 1
EXTERNAL: Final = 2
"""Sources, as shared memory has them."""

ID_CHARACTERS: Final = 52
_VERSION: Final = 0xA8
_FACTS: Final = struct.Struct(">BQQQQI")
_CHECK: Final = struct.Struct(">H")
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")


class QuoteId(NamedTuple):
    """What an id says; amounts in smallest units. `mark` is `input_mark` of the input mint."""

    source: int
    route_id: int
    input_amount: int
    output_amount: int
    slot: int
    mark: int

    @property
    def text(self) -> str:
        """The id as it is told."""
        facts = _FACTS.pack(_VERSION + self.source, *self[1:])
        packed = facts + _CHECK.pack(zlib.crc32(facts) & 0xFFFF)
        return binascii.b2a_base64(packed, newline=False).translate(_TO_URL).decode()


def quote_id_of(
    source: int, route_id: int, input_mint: str, input_amount: int, output_amount: int, vouched_slot: int
) -> QuoteId:
    """The id of a quote; see the module for what its facts are."""
    return QuoteId(source, route_id, input_amount, output_amount, vouched_slot, input_mark(input_mint))


def input_mark(mint: str) -> int:
    """What an id has of the input mint: enough to tell the two directions of a pool apart."""
    return zlib.crc32(mint.encode())


def parse_quote_id(text: str, *, field: str = "quote_id") -> QuoteId:
    """Read an id.

    Raises:
        InvalidField: It is not the text of an id of this version, or mistyped.
    """
    if len(text) != ID_CHARACTERS:
        raise InvalidField(field, f"must have {ID_CHARACTERS} characters, got {len(text)}")
    try:
        packed = binascii.a2b_base64(text.encode("ascii").translate(_FROM_URL), strict_mode=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidField(field, "must be letters, digits, - and _") from None
    facts, check = packed[: _FACTS.size], packed[_FACTS.size :]
    version_and_source, *numbers = _FACTS.unpack(facts)
    source = version_and_source - _VERSION
    if source not in (LOCAL, EXTERNAL):
        raise InvalidField(field, "is no id of a quote, or of a newer version")
    if check != _CHECK.pack(zlib.crc32(facts) & 0xFFFF):
        raise InvalidField(field, "is mistyped: its characters do not fit each other")
    return QuoteId(source, *numbers)
