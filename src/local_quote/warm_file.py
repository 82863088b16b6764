"""The bytes of the file that a restart begins from: pools with their accounts, as they were held. Does no I/O.

| offset | field                                                             |
|--------|-------------------------------------------------------------------|
| 0      | `SQWARM`, CR, LF: what it is, and that nobody took it for text    |
| 8      | format number, u32                                                |
| 12     | frames, to the end                                                |

| frame  | field                                                             |
|--------|-------------------------------------------------------------------|
| 0      | bytes of the body, u32                                            |
| 4      | bytes of it once inflated, u32                                    |
| 8      | CRC-32 of all bodies so far, this one among them, u32             |
| 12     | the body, deflated                                                |

The first frame tells whose the state is and when it was written (`KeptOrigin`), the last one how many pools there are;
those between hold pools, most worth having first, each with every account it rests on. So a file that was cut off, or
lost or changed a part, is known as such. What a sound file *says* is believed no more than a stranger
(`docs/freshness.md`): nothing in it is fresh until the chain was read.
"""

import contextlib
import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from quote_core.clock import Moment
from quote_core.dex.pool import Account, ChainClock
from quote_core.errors import LayoutMismatch
from quote_core.freshness import Freshness
from quote_core.quotes import Provenance
from quote_core.solana import AccountUpdate, UpdateSource
from quote_core.units import Pubkey

__all__ = ["FRAME_BYTES_MAX", "WARM_FORMAT", "KeptOrigin", "KeptPool", "WarmFile", "WarmFileEncoder", "encode_pool"]

WARM_FORMAT: Final = 1
"""Counts up whenever an older version would read the bytes wrong; a file of another one is refused."""
FRAME_BYTES_MAX: Final = 64 * 1024 * 1024
"""A frame that would inflate to more is refused."""

_MAGIC: Final = b"SQWARM\r\n"
_COUNT: Final = struct.Struct("<I")
_FRAME: Final = struct.Struct("<III")
_POOL: Final = struct.Struct("<BHqQqqQqQq")
_ACCOUNT: Final = struct.Struct("<BBBQQI")
_FRAMES_MIN: Final = 2
_UNKNOWN: Final = -1
_DEPTH_MAX: Final = 2**63 - 1
_LEVEL: Final = 1
"""Arrays of ticks and bins are mostly zeros: a harder look takes longer and finds little."""
_SUBJECT: Final = "warm start file"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOrigin:
    """Whose state it is, and as of when.

    Attributes:
        written: When the writing began.
        genesis_hash: Of the chain; empty where the node does not say.
        endpoints: A digest of the address of each endpoint that was configured: addresses hold keys.
        run_id: The recorded market's run; empty on a chain.
        slot: The newest slot seen.
        clock: The chain's time; None where it was not known.
    """

    written: Moment
    genesis_hash: str
    endpoints: tuple[str, ...]
    run_id: str
    slot: int
    clock: ChainClock | None


@dataclass(frozen=True, slots=True)
class KeptPool:
    """One pool as it was held; the first of `accounts` is its own, `depth_lamports` what it was ranked by."""

    freshness: Freshness
    provenance: Provenance
    depth_lamports: int | None
    accounts: Sequence[AccountUpdate]


class WarmFileEncoder:
    """Gives a file's bytes piece by piece, in order: `begin`, `frame` of pools as often as need be, `end`."""

    def __init__(self) -> None:
        self._crc = 0
        self.pool_count = 0

    def begin(self, origin: KeptOrigin) -> bytes:
        """The file's head and first frame."""
        return _MAGIC + _COUNT.pack(WARM_FORMAT) + self._frame(_encode_origin(origin))

    def frame(self, pools: Sequence[bytes]) -> bytes:
        """A frame of pools; deflates it, which takes some milliseconds and lets other threads run.

        Args:
            pools: Each by `encode_pool`; together `FRAME_BYTES_MAX` at most.
        """
        self.pool_count += len(pools)
        return self._frame(b"".join(pools))

    def _frame(self, body: bytes) -> bytes:
        assert len(body) <= FRAME_BYTES_MAX
        deflated = zlib.compress(body, _LEVEL)
        self._crc = zlib.crc32(deflated, self._crc)
        return _FRAME.pack(len(deflated), len(body), self._crc) + deflated

    def end(self) -> bytes:
        """The last frame."""
        return self._frame(_COUNT.pack(self.pool_count))


def encode_pool(kept: KeptPool) -> bytes:
    """A pool with its accounts, as a part of a frame's body."""
    freshness, vouched = kept.freshness, kept.freshness.vouched
    numbers = _POOL.pack(
        kept.provenance.value,
        len(kept.accounts),
        _UNKNOWN if kept.depth_lamports is None else min(kept.depth_lamports, _DEPTH_MAX),
        vouched.boot_id,
        vouched.mono_ns,
        vouched.unix_ns,
        freshness.vouched_slot,
        freshness.changed_unix_ns,
        freshness.changed_slot,
        freshness.chain_unix_s,
    )
    return b"".join((numbers, *map(_encode_account, kept.accounts)))


def _encode_account(update: AccountUpdate) -> bytes:
    """One account; one that does not exist on chain has no owner."""
    pubkey, account = update.pubkey.encode(), update.account
    if account is None:
        return _ACCOUNT.pack(update.source, len(pubkey), 0, update.slot, 0, 0) + pubkey
    owner = account.owner.encode()
    head = _ACCOUNT.pack(update.source, len(pubkey), len(owner), update.slot, account.lamports, len(account.data))
    return b"".join((head, pubkey, owner, account.data))


def _encode_origin(origin: KeptOrigin) -> bytes:
    clock = origin.clock
    told = {
        "written": [origin.written.boot_id, origin.written.mono_ns, origin.written.unix_ns],
        "genesis_hash": origin.genesis_hash,
        "endpoints": origin.endpoints,
        "run_id": origin.run_id,
        "slot": origin.slot,
        "clock": None if clock is None else [clock.slot, clock.unix_timestamp, clock.epoch],
    }
    return json.dumps(told).encode()


class WarmFile:
    """The content of a sound file; `origin` says whose.

    Raises:
        LayoutMismatch: It is none, of another format, cut off, or damaged; or what it says cannot be.
    """

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._frames = list(self._sound_frames())
        with _as_mismatch():
            self.origin = _decode_origin(self._body(self._frames[0]))
            (self.pool_count,) = _COUNT.unpack(self._body(self._frames[-1]))

    def frames(self) -> Iterator[list[KeptPool]]:
        """The pools, a frame at a time.

        Raises:
            LayoutMismatch: What a frame says cannot be, or there are not as many pools as there should be.
        """
        pool_count = 0
        for frame in self._frames[1:-1]:
            with _as_mismatch():
                pools = list(_decode_pools(self._body(frame)))
            pool_count += len(pools)
            yield pools
        if pool_count != self.pool_count:
            raise LayoutMismatch(_SUBJECT, f"holds {pool_count} pools, not the {self.pool_count} that it tells of")

    def _sound_frames(self) -> Iterator[tuple[int, int, int]]:
        """Where each body begins and ends, and its size once inflated."""
        content, at, crc = self._content, len(_MAGIC) + _COUNT.size, 0
        if bytes(content[: len(_MAGIC)]) != _MAGIC or len(content) < at:
            raise LayoutMismatch(_SUBJECT, "is none")
        (number,) = _COUNT.unpack_from(content, len(_MAGIC))
        if number != WARM_FORMAT:
            raise LayoutMismatch(_SUBJECT, f"is of format {number}, this version reads {WARM_FORMAT}")
        count = 0
        while at < len(content) or count < _FRAMES_MIN:
            if len(content) - at < _FRAME.size:
                raise LayoutMismatch(_SUBJECT, "is cut off")
            size, inflated_size, told_crc = _FRAME.unpack_from(content, at)
            at += _FRAME.size
            if len(content) - at < size:
                raise LayoutMismatch(_SUBJECT, "is cut off")
            crc = zlib.crc32(content[at : at + size], crc)
            if crc != told_crc:
                raise LayoutMismatch(_SUBJECT, f"is damaged before byte {at + size}: its checksum is another")
            if inflated_size > FRAME_BYTES_MAX:
                raise LayoutMismatch(_SUBJECT, f"has a frame of {inflated_size} bytes, at most {FRAME_BYTES_MAX}")
            yield at, at + size, inflated_size
            at += size
            count += 1

    def _body(self, frame: tuple[int, int, int]) -> bytes:
        start, end, inflated_size = frame
        inflater = zlib.decompressobj()
        body = inflater.decompress(self._content[start:end], inflated_size + 1)
        if len(body) != inflated_size or not inflater.eof or inflater.unused_data:
            raise ValueError("a body is not as long as is told")
        return body


@contextlib.contextmanager
def _as_mismatch() -> Iterator[None]:
    """Whatever reading a sound file's bodies stumbles over: they were written by something else."""
    try:
        yield
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, struct.error, zlib.error) as error:
        raise LayoutMismatch(_SUBJECT, f"says what cannot be ({error})") from None


def _decode_origin(body: bytes) -> KeptOrigin:
    told: dict[str, Any] = json.loads(body)
    clock = told["clock"]
    return KeptOrigin(
        written=Moment(*map(_checked_int, told["written"])),
        genesis_hash=str(told["genesis_hash"]),
        endpoints=tuple(map(str, told["endpoints"])),
        run_id=str(told["run_id"]),
        slot=_checked_int(told["slot"]),
        clock=None if clock is None else ChainClock(*map(_checked_int, clock)),
    )


def _checked_int(value: object) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**64:
        raise ValueError(f"{value!r} is no number of 64 bits")
    return value


def _decode_pools(body: bytes) -> Iterator[KeptPool]:
    at = 0
    while at < len(body):
        provenance, account_count, depth, boot_id, mono_ns, unix_ns, *place = _POOL.unpack_from(body, at)
        at += _POOL.size
        accounts = []
        for _ in range(account_count):
            account, at = _decode_account(body, at)
            accounts.append(account)
        freshness = Freshness(Moment(boot_id, mono_ns, unix_ns), *place)
        if min(unix_ns, freshness.changed_unix_ns) < 0:
            raise ValueError("a time is before 1970")
        yield KeptPool(freshness, Provenance(provenance), None if depth == _UNKNOWN else depth, accounts)


def _decode_account(body: bytes, at: int) -> tuple[AccountUpdate, int]:
    source, pubkey_size, owner_size, slot, lamports, data_size = _ACCOUNT.unpack_from(body, at)
    pubkey_at = at + _ACCOUNT.size
    owner_at = pubkey_at + pubkey_size
    data_at = owner_at + owner_size
    end = data_at + data_size
    if end > len(body):
        raise ValueError("an account is cut off")
    pubkey, owner = Pubkey(body[pubkey_at:owner_at].decode("ascii")), Pubkey(body[owner_at:data_at].decode("ascii"))
    account = Account(owner, body[data_at:end], lamports) if owner else None
    return AccountUpdate(pubkey, slot, account, 0, UpdateSource(source)), end
