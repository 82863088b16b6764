"""The file's bytes: what goes in comes out, and whatever else is refused by name."""

import struct
import zlib
from dataclasses import replace

import pytest

from local_quote.warm_file import KeptOrigin, KeptPool, WarmFile, WarmFileEncoder, encode_pool
from quote_core.clock import Moment
from quote_core.dex.pool import Account, ChainClock
from quote_core.errors import LayoutMismatch
from quote_core.freshness import Freshness
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.units import Pubkey

ORIGIN = KeptOrigin(
    written=Moment(2**64 - 1, 5, 1_700_000_000_000_000_000),
    genesis_hash="5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
    endpoints=("a", "b"),
    run_id="run",
    slot=2**63,
    clock=ChainClock(7, -1, 3),
)


def pool(number: int, data: bytes = b"data") -> KeptPool:
    accounts = [
        AccountUpdate(Pubkey(f"pool{number}"), 2**64 - 1, Account(Pubkey("owner"), data, 9), 0, UpdateSource.ANSWER),
        AccountUpdate(Pubkey("closed"), 8, None, 0, UpdateSource.NOTIFICATION),
        AccountUpdate(Pubkey("empty"), 0, Account(Pubkey("owner"), b""), 0, UpdateSource.ANSWER),
    ]
    freshness = Freshness(Moment(3, -4, 5), 6, 7, 8, 9)
    return KeptPool(freshness, Provenance.PATCHED, None if number else 12, accounts)


def encoded(*frames: list[KeptPool]) -> bytes:
    encoder = WarmFileEncoder()
    parts = [encoder.begin(ORIGIN), *(encoder.frame([encode_pool(one) for one in pools]) for pools in frames)]
    return b"".join([*parts, encoder.end()])


FRAMES = [pool(0), pool(1, b"\0" * 100_000)], [pool(2)]
CONTENT = encoded(*FRAMES)


def refusal(content: bytes) -> str:
    with pytest.raises(LayoutMismatch) as caught:
        list(WarmFile(content).frames())
    return caught.value.rule


def test_what_goes_in_comes_out() -> None:
    file = WarmFile(CONTENT)
    assert file.origin == ORIGIN
    assert file.pool_count == 3
    assert tuple(file.frames()) == FRAMES
    assert list(WarmFile(encoded()).frames()) == []


def test_a_file_that_is_cut_off_anywhere_is_known_as_such() -> None:
    for size in range(len(CONTENT)):
        assert refusal(CONTENT[:size])


def test_every_flipped_bit_is_found() -> None:
    for at in range(len(CONTENT)):
        for bit in range(8):
            damaged = bytearray(CONTENT)
            damaged[at] ^= 1 << bit
            assert refusal(bytes(damaged))


def test_a_frame_that_is_missing_twice_there_or_elsewhere_is_found() -> None:
    begin, *frames, end = pieces()
    for order in ([frames[1]], [frames[1], frames[0]], [frames[0], frames[0], frames[1]], []):
        assert "checksum" in refusal(b"".join([begin, *order, end]))


def pieces() -> list[bytes]:
    encoder = WarmFileEncoder()
    return [
        encoder.begin(ORIGIN),
        *(encoder.frame([encode_pool(one) for one in pools]) for pools in FRAMES),
        encoder.end(),
    ]


def test_what_is_none_or_of_another_format_is_told() -> None:
    assert refusal(b"{}") == "is none"
    assert refusal(b"SQWARM\n\n" + CONTENT[8:]) == "is none"  # somebody took it for text
    later = CONTENT[:8] + struct.pack("<I", 2) + CONTENT[12:]
    assert refusal(later) == "is of format 2, this version reads 1"


def test_a_sound_file_that_says_what_cannot_be_is_refused() -> None:
    def framed(*bodies: bytes, sizes: dict[int, int] | None = None) -> bytes:
        content, crc = CONTENT[:12], 0
        for number, body in enumerate(bodies):
            deflated = zlib.compress(body)
            crc = zlib.crc32(deflated, crc)
            size = (sizes or {}).get(number, len(body))
            content += struct.pack("<III", len(deflated), size, crc) + deflated
        return content

    told = '{"written":[1,2,3],"genesis_hash":"","endpoints":[],"run_id":"","slot":1,"clock":null}'
    count = struct.pack("<I", 0)
    assert list(WarmFile(framed(told.encode(), count)).frames()) == []
    for wrong in ("", "[]", "{}", "[" * 100_000, told.replace("[1,2,3]", "[1,2]"), told.replace("1,2", "1.5,2")):
        assert "says what cannot be" in refusal(framed(wrong.encode(), count))
    before_1970 = replace(pool(0), freshness=Freshness(Moment(3, 4, -5), 6))
    for body in (b"\0", b"\0" * 1_000, encode_pool(before_1970), encode_pool(pool(0))[:-1], b"\xff" * 300):
        assert "says what cannot be" in refusal(framed(told.encode(), body, count))
    assert "at most" in refusal(framed(told.encode(), b"", count, sizes={1: 2**32 - 1}))
    assert "not as long" in refusal(framed(told.encode(), b"\0" * 10**6, count, sizes={1: 10}))
    assert "holds 1 pools, not the 0" in refusal(framed(told.encode(), encode_pool(pool(0)), count))
