"""Keep what is held on disk, and begin from it after a restart: quotes at once, marked stale until they are confirmed.

What was kept is told with its true age, the time in which nobody ran included, and is in doubt whatever its age
(`docs/freshness.md`): only reading a chain that advances makes a quote of it fresh. A file that cannot be relied on is
set aside, and the start is a cold one.

The loop gives a piece at a time, some hundred microseconds of work; deflating, checksums and the disk are a thread's.
"""

import asyncio
import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol, TypeVar

import structlog

from local_quote.chain_progress import SLOTS_APART_MAX
from local_quote.market import LocalMarket, WantedChange
from local_quote.pool_entry import PoolEntry
from local_quote.warm_file import FRAME_BYTES_MAX, KeptOrigin, KeptPool, WarmFile, WarmFileEncoder, encode_pool
from quote_core.clock import AGE_UNKNOWN_NS, Clock, Moment, moment
from quote_core.dex.programs import decode_pool
from quote_core.errors import CorruptAccount, LayoutMismatch, RequestError
from quote_core.files import Replacement, remove_abandoned
from quote_core.freshness import Freshness
from quote_core.rpc_addresses import RpcAddress
from quote_core.solana import AccountUpdate
from quote_core.units import NS_PER_S, Pubkey

__all__ = ["WARM_FILE_NAME", "KeptRanks", "KeptReads", "WarmCounts", "WarmStart", "endpoint_digests"]

WARM_FILE_NAME: Final = "local_quote.warm"
"""In the data folder."""
_ASIDE_SUFFIX: Final = ".refused"
"""Of the last file that was set aside; there is never more than one."""

_FILE_BYTES_MAX: Final = 512 * 1024 * 1024
"""Pools that no room is left for are not kept."""
_PIECE_BYTES: Final = 256 * 1024
_PIECE_ACCOUNTS: Final = 100
"""About what the loop gives at once."""
_REST: Final = 20
"""After a writing so many times as long as it took: it takes a twentieth of a core at most."""
_LAST_WRITE_S: Final = 3.0
"""Longest writing when the process stops."""
_DIGEST_BYTES: Final = 16

_Done = TypeVar("_Done")


def endpoint_digests(addresses: Iterable[RpcAddress]) -> tuple[str, ...]:
    """What the addresses of endpoints are compared by: they hold keys, which belong into no file."""
    return tuple(hashlib.blake2b(address.url.encode(), digest_size=_DIGEST_BYTES).hexdigest() for address in addresses)


class KeptReads(Protocol):
    """Who reads what was kept, and knows the chain."""

    @property
    def genesis_hash(self) -> str | None:
        """Which chain it is; None where that is not known."""

    def expect_chain(self, genesis_hash: str) -> None:
        """What was kept is of this one."""

    def wanted_changed(self, change: WantedChange) -> None:
        """These accounts are wanted now."""


class KeptRanks(Protocol):
    """Who knows what pools are worth."""

    def depth_lamports(self, pool_id: Pubkey) -> int | None:
        """What a pool was ranked by."""

    def restored(self, pool_id: Pubkey, depth_lamports: int | None) -> None:
        """A pool is held as it was kept, with what it was ranked by."""


@dataclass(slots=True)
class WarmCounts:
    """What happened since the start; `fault` is why the last writing failed, empty when it did not."""

    restored_count: int = 0
    refused_file_count: int = 0
    write_count: int = 0
    write_failed_count: int = 0
    written_bytes: int = 0
    """Of the newest file."""
    written_ns: int = 0
    """How long it took."""
    fault: str = ""


class WarmStart:
    """See the module.

    Args:
        path: The file.
        market: What is kept, and begun from.
        reads: See `KeptReads`.
        ranks: See `KeptRanks`.
        clock: Of ages.
        endpoints: See `endpoint_digests`; a file that shares none with them is another cluster's.
        run_id: The recorded market's run; a file of another one is not used.
        interval_ns: Least time between two writings.
        age_ns_max: What is older is not begun from.
        pool_count_max: So many pools are begun from.
    """

    def __init__(
        self,
        *,
        path: Path,
        market: LocalMarket,
        reads: KeptReads,
        ranks: KeptRanks,
        clock: Clock,
        endpoints: tuple[str, ...],
        run_id: str,
        interval_ns: int,
        age_ns_max: int,
        pool_count_max: int,
    ) -> None:
        self._path = path
        self._market = market
        self._reads = reads
        self._ranks = ranks
        self._clock = clock
        self._endpoints = endpoints
        self._run_id = run_id
        self._interval_ns = interval_ns
        self._age_ns_max = age_ns_max
        self._pool_count_max = pool_count_max
        self._is_restored = False
        self._log = structlog.get_logger(part="warm start")
        self.counts = WarmCounts()

    async def restore(self) -> None:
        """Begin from the file, if there is one that can be relied on; never fails."""
        await asyncio.to_thread(remove_abandoned, self._path)
        try:
            content = await asyncio.to_thread(_read, self._path)
            file = await asyncio.to_thread(WarmFile, content)
            age_ns = self._checked_age_ns(file.origin)
            if age_ns is not None:
                await self._begin_from(file, age_ns)
        except FileNotFoundError:
            self._log.info("nothing was kept before the start")
        except OSError as error:
            self._log.warning("what was kept cannot be read; a cold start", reason=str(error))
        except LayoutMismatch as error:
            self._set_aside(error.rule)
        self._is_restored = True

    async def run(self) -> None:
        """Write every interval, until cancelled."""
        while True:
            await asyncio.sleep(max(self._interval_ns, self.counts.written_ns * _REST) / NS_PER_S)
            await self.write()

    async def close(self) -> None:
        """Write once more, if that does not take long."""
        try:
            async with asyncio.timeout(_LAST_WRITE_S):
                await self.write()
        except TimeoutError:
            self._log.info("what is held was not written once more", seconds_max=_LAST_WRITE_S)

    async def write(self) -> None:
        """Keep what is held now; a disk that takes nothing is told once, and the file before stays."""
        if not self._is_restored or not any(entry.is_loaded for entry in self._market.store):
            return  # what is on disk is more than what is held
        started_mono_ns = self._clock.mono_ns()
        try:
            self.counts.written_bytes = await self._write()
        except OSError as error:
            self.counts.write_failed_count += 1
            if not self.counts.fault:
                self._log.warning("what is held cannot be kept for the next start", reason=str(error))
            self.counts.fault = str(error)
            return
        self.counts.write_count += 1
        self.counts.written_ns = self._clock.mono_ns() - started_mono_ns
        if self.counts.fault:
            self._log.info("what is held is kept again")
            self.counts.fault = ""

    def _checked_age_ns(self, origin: KeptOrigin) -> int | None:
        """How long ago a file was written; None where there is nothing wrong with it, but it is of no use.

        Raises:
            LayoutMismatch: It is another cluster's, or from the future.
        """
        if origin.run_id != self._run_id:
            self._log.info("what was kept is of another run; a cold start", run_id=origin.run_id)
            return None
        if not set(self._endpoints).intersection(origin.endpoints):
            raise LayoutMismatch(WARM_FILE_NAME, "is of other RPC endpoints")
        known_hash = self._reads.genesis_hash
        if known_hash and origin.genesis_hash and known_hash != origin.genesis_hash:
            raise LayoutMismatch(WARM_FILE_NAME, f"is of another chain ({origin.genesis_hash})")
        age_ns = _age_ns(origin.written, moment(self._clock))
        if age_ns == AGE_UNKNOWN_NS:
            raise LayoutMismatch(WARM_FILE_NAME, "is from the future; was the wall clock set back?")
        if age_ns > self._age_ns_max:
            self._log.info("what was kept is too old; a cold start", age_s=age_ns // NS_PER_S)
            return None
        return age_ns

    async def _begin_from(self, file: WarmFile, age_ns: int) -> None:
        origin, market = file.origin, self._market
        if not market.restore_clock(slot=origin.slot, clock=origin.clock):
            raise LayoutMismatch(WARM_FILE_NAME, f"is of slot {origin.slot}, the node is at {market.progress.slot}")
        if origin.genesis_hash:
            self._reads.expect_chain(origin.genesis_hash)
        slot_before = market.newest_slot
        try:
            for pools in file.frames():
                for kept in pools:
                    if market.newest_slot < slot_before:
                        return  # the node is on another chain: what is left is of no use
                    self._restore_pool(kept)
                    await asyncio.sleep(0)
        finally:
            count = self.counts.restored_count
            self._log.info("quotes begin from what was kept", pools=count, of=file.pool_count, age_s=age_ns // NS_PER_S)

    def _restore_pool(self, kept: KeptPool) -> None:
        now = moment(self._clock)
        age_ns = _age_ns(kept.freshness.vouched, now)
        store, registry = self._market.store, self._market.registry
        if age_ns > self._age_ns_max or not kept.accounts or len(store) >= self._pool_count_max:
            return
        own = kept.accounts[0]
        if own.account is None or own.pubkey in store:
            return
        if any(update.slot > self._market.newest_slot + SLOTS_APART_MAX for update in kept.accounts):
            return  # of slots that are yet to come: nothing that is read would be newer
        try:
            pool = decode_pool(own.pubkey, own.account)
            registry.pair(pool.mint_a, pool.mint_b)
        except (CorruptAccount, RequestError):
            return  # no token of the registry any more
        freshness = _as_of_now(kept.freshness, age_ns, now)
        until = now.mono_ns - age_ns + self._age_ns_max
        change = self._market.restore_pool(pool, kept.accounts, kept.provenance, freshness, until=until)
        self._ranks.restored(own.pubkey, kept.depth_lamports)
        self._reads.wanted_changed(change)
        self.counts.restored_count += 1

    def _set_aside(self, reason: str) -> None:
        self.counts.refused_file_count += 1
        aside = self._path.with_name(self._path.name + _ASIDE_SUFFIX)
        try:
            self._path.replace(aside)
        except OSError as error:
            self._log.warning("what was kept is not used; a cold start", reason=reason, not_set_aside=str(error))
        else:
            self._log.warning("what was kept is not used and set aside; a cold start", reason=reason, file=str(aside))

    async def _write(self) -> int:
        """Returns the bytes written.

        Raises:
            OSError: The disk does not take it.
        """
        encoder, written_bytes = WarmFileEncoder(), 0
        replacement = await _in_thread(lambda: Replacement(self._path))

        async def give(piece: Callable[[], bytes]) -> int:
            return await _in_thread(lambda: _write_piece(replacement, piece))

        try:
            origin = self._origin()
            written_bytes += await give(lambda: encoder.begin(origin))
            for pools in self._pieces():
                written_bytes += await give(lambda pools=pools: encoder.frame(pools))  # type: ignore[misc]
                if written_bytes > _FILE_BYTES_MAX - _PIECE_BYTES:
                    break
            written_bytes += await give(encoder.end)
            await _in_thread(replacement.commit)
        except BaseException:
            replacement.abandon()
            raise
        return written_bytes

    def _origin(self) -> KeptOrigin:
        market = self._market
        return KeptOrigin(
            written=moment(self._clock),
            genesis_hash=self._reads.genesis_hash or "",
            endpoints=self._endpoints,
            run_id=self._run_id,
            slot=market.newest_slot,
            clock=market.chain_clock,
        )

    def _pieces(self) -> Iterator[list[bytes]]:
        """Pools in the order they were taken in, most worth having first, as many at once as take little time.

        Each is of one moment, for nothing else runs while it is looked at.
        """
        store = self._market.store
        pools: list[bytes] = []
        size_bytes = account_count = 0
        for entry in list(store):
            if store.entry(entry.pool.address) is not entry or not entry.is_loaded:
                continue  # let go meanwhile
            pool = encode_pool(self._kept(entry))
            if len(pool) > FRAME_BYTES_MAX - size_bytes:
                continue
            pools.append(pool)
            size_bytes += len(pool)
            account_count += len(entry.accounts)
            if size_bytes >= _PIECE_BYTES or account_count >= _PIECE_ACCOUNTS:
                yield pools
                pools, size_bytes, account_count = [], 0, 0
        if pools:
            yield pools

    def _kept(self, entry: PoolEntry) -> KeptPool:
        held = ((pubkey, self._market.store.account(pubkey)) for pubkey in entry.accounts)
        return KeptPool(
            entry.freshness,
            entry.provenance,
            self._ranks.depth_lamports(entry.pool.address),
            [AccountUpdate(pubkey, one.slot, one.account, 0, one.source) for pubkey, one in held if one is not None],
        )


async def _in_thread(work: Callable[[], _Done]) -> _Done:
    """What a thread makes of it; who is cancelled waits until it is done, for the next writer uses the same name."""
    doing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        if not doing.cancelled():
            doing.exception()
        raise


def _write_piece(replacement: Replacement, piece: Callable[[], bytes]) -> int:
    content = piece()
    replacement.write(content)
    return len(content)


def _read(path: Path) -> bytes:
    """All of the file.

    Raises:
        OSError: It cannot be read.
        LayoutMismatch: It is no file, larger than any that is written, or one that another user made or may change.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise LayoutMismatch(WARM_FILE_NAME, "is no file") from None
        raise
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise LayoutMismatch(WARM_FILE_NAME, "is no file")
        if status.st_uid != os.geteuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            mode = stat.S_IMODE(status.st_mode)
            raise LayoutMismatch(WARM_FILE_NAME, f"is user {status.st_uid}'s, mode {mode:04o}: others may change it")
        if status.st_size > _FILE_BYTES_MAX:
            raise LayoutMismatch(WARM_FILE_NAME, f"has {status.st_size} bytes, at most {_FILE_BYTES_MAX}")
        return file.read(_FILE_BYTES_MAX)


def _age_ns(then: Moment, now: Moment) -> int:
    """See `Moment.age_ns`; what is of before this boot is no younger than that, whatever the wall clock says."""
    age_ns = then.age_ns(now)
    return age_ns if then.boot_id == now.boot_id else max(age_ns, now.mono_ns + 1)


def _as_of_now(freshness: Freshness, age_ns: int, now: Moment) -> Freshness:
    """A freshness of that age by this boot's clock."""
    if now.boot_id and freshness.vouched.boot_id == now.boot_id:
        return freshness
    vouched = now.earlier_by(age_ns)
    return replace(freshness, vouched=vouched if vouched.mono_ns > 0 else replace(vouched, boot_id=0))
