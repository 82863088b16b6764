"""What accounts were lately: every version that was held, in the order in which they came, bounded in bytes and number.

Account bytes are never changed once they are made, so keeping a version is keeping a reference to them, which costs a
microsecond when an account changes and nothing when somebody quotes. Versions are counted from when they are
superseded: the newest of each account is held anyway. The one superseded first goes first.

A version is kept as a plain tuple of numbers, text and bytes: such a tuple the garbage collector stops looking at after
the first time. Of 150,000 objects of classes it would look at each, for a quarter of a second at a time.

A *moment* is a set of updates that was applied together. What was held at a moment is, of each account, its last
version of that moment or before.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from quote_core.dex.pool import Account
from quote_core.quotes import route_id
from quote_core.units import Pubkey

__all__ = ["POOLS_KNOWN_MAX", "VERSION_OVERHEAD_BYTES", "AccountHistory", "AccountVersion", "AccountsAt"]

VERSION_OVERHEAD_BYTES: Final = 300
"""What a version takes beside its account's data: a tuple, its numbers, and its places in two queues."""
POOLS_KNOWN_MAX: Final = 65_536
"""Pools that a route id is found by, those let go included; one is 200 bytes."""

_Kept = tuple[int, int, bool, Pubkey | None, bytes, int]
"""Moment, slot, whether known, owner (None = does not exist), data, lamports."""
_moment_of, _slot_of = itemgetter(0), itemgetter(1)


class AccountVersion(NamedTuple):
    """An account from a moment on; `slot` is that of the update which brought it. `account` None = does not exist.

    `is_known` is false where the account was let go: what it is from then on nobody said. Its slot is that of the
    version before.
    """

    moment: int
    slot: int
    account: Account | None
    is_known: bool = True


class AccountHistory:
    """See the module. `bytes_max` and `count_max` bound the versions that are no longer the newest; 0 keeps none."""

    def __init__(self, *, bytes_max: int, count_max: int) -> None:
        self._bytes_max = bytes_max
        self._count_max = count_max
        self._versions: dict[Pubkey, list[_Kept]] = {}
        self._superseded: deque[Pubkey] = deque()
        self._pools_by_route: dict[int, Pubkey] = {}
        self.moment = 0
        """Of the newest set of updates."""
        self.byte_count = 0
        self.gone_slot = 0
        """Newest slot of a version that went to make room, or with the chain it was of."""
        self.whole_from = 0
        """The first moment of which everything is kept."""

    @property
    def superseded_count(self) -> int:
        """How many versions are kept that are no longer the newest of their account."""
        return len(self._superseded)

    def begin_moment(self) -> None:
        """What is noted from here on is held from a new moment on."""
        self.moment += 1

    def note_pool(self, pool_id: Pubkey) -> None:
        """A pool came to be held: a route id of it alone is to be found again."""
        self._pools_by_route[route_id([pool_id])] = pool_id
        if len(self._pools_by_route) > POOLS_KNOWN_MAX:
            del self._pools_by_route[next(iter(self._pools_by_route))]

    def note(self, pubkey: Pubkey, slot: int, account: Account | None) -> None:
        """Take the newest version of an account."""
        if account is None:
            self._add(pubkey, (self.moment, slot, True, None, b"", 0))
        else:
            self._add(pubkey, (self.moment, slot, True, account.owner, account.data, account.lamports))

    def note_changed(self, pubkey: Pubkey, slot: int, account: Account) -> None:
        """The same of an account that may be as it was, or come late."""
        versions = self._versions.get(pubkey)
        if versions is None:
            self.note(pubkey, slot, account)
            return
        newest = _version(versions[-1])
        if slot >= newest.slot and account != newest.account:
            self.note(pubkey, slot, account)

    def forget(self, pubkey: Pubkey) -> None:
        """The account is let go: from now on it is unknown."""
        if pubkey in self._versions:
            self._add(pubkey, (self.moment, self._versions[pubkey][-1][1], False, None, b"", 0))

    def begin_anew(self) -> None:
        """Another chain: slots begin anew, so no state of the one before is found by its slot."""
        self.gone_slot = max([self.gone_slot, *(versions[-1][1] for versions in self._versions.values())])
        self.whole_from = self.moment + 1
        self._versions.clear()
        self._superseded.clear()
        self.byte_count = 0

    def pool_of_route(self, route: int) -> Pubkey | None:
        """The pool whose id alone has this route id."""
        return self._pools_by_route.get(route)

    def pubkeys(self) -> Iterable[Pubkey]:
        """Every account of which anything is kept."""
        return self._versions

    def versions(self, pubkey: Pubkey) -> Sequence[AccountVersion]:
        """Every version kept of an account, oldest first; empty where there is none."""
        return [_version(kept) for kept in self._versions.get(pubkey, ())]

    def near(self, pubkey: Pubkey, slot: int, *, since: int, until: int, count_max: int) -> list[AccountVersion]:
        """The versions held from moment `since` to `until`, oldest first; at most `count_max` either side of `slot`."""
        versions = self._versions.get(pubkey, ())
        first = max(bisect_right(versions, since, key=_moment_of) - 1, 0)
        last = bisect_right(versions, until, key=_moment_of)
        middle = min(max(bisect_right(versions, slot, key=_slot_of), first), last)
        near = versions[max(first, middle - count_max) : min(last, middle + count_max)]
        return [version for version in map(_version, near) if version.is_known]

    def moment_past(self, pubkey: Pubkey, slot: int) -> int | None:
        """The moment that brought the first version kept of a slot later than `slot`; None where none did."""
        versions = self._versions.get(pubkey, ())
        later = bisect_right(versions, slot, key=_slot_of)
        return versions[later][0] if later < len(versions) else None

    def at(self, pubkey: Pubkey, moment: int) -> AccountVersion | None:
        """What was held of an account; None = nothing, or no longer kept."""
        versions = self._versions.get(pubkey, ())
        count = bisect_right(versions, moment, key=_moment_of)
        version = _version(versions[count - 1]) if count else None
        return version if version is not None and version.is_known else None

    def _add(self, pubkey: Pubkey, version: _Kept) -> None:
        versions = self._versions.get(pubkey)
        if versions is None:
            self._versions[pubkey] = [version]
            return
        self.byte_count += _weight(versions[-1])
        versions.append(version)
        self._superseded.append(pubkey)
        while self.byte_count > self._bytes_max or len(self._superseded) > self._count_max:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        pubkey = self._superseded.popleft()
        versions = self._versions[pubkey]
        dropped = versions.pop(0)
        self.byte_count -= _weight(dropped)
        oldest_moment, _, is_known, *_ = versions[0]
        self.gone_slot = max(self.gone_slot, dropped[1])
        self.whole_from = max(self.whole_from, oldest_moment)
        if len(versions) == 1 and not is_known:
            del self._versions[pubkey]


class AccountsAt(Mapping[Pubkey, Account | None]):
    """The accounts as they were held at a moment; what was unknown then is not in it."""

    def __init__(self, history: AccountHistory, moment: int) -> None:
        self._history = history
        self.moment = moment

    def __getitem__(self, pubkey: Pubkey) -> Account | None:
        version = self._history.at(pubkey, self.moment)
        if version is None:
            raise KeyError(pubkey)
        return version.account

    def __iter__(self) -> Iterator[Pubkey]:
        return (pubkey for pubkey in self._history.pubkeys() if pubkey in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _version(kept: _Kept) -> AccountVersion:
    moment, slot, is_known, owner, data, lamports = kept
    return AccountVersion(moment, slot, None if owner is None else Account(owner, data, lamports), is_known)


def _weight(kept: _Kept) -> int:
    return VERSION_OVERHEAD_BYTES + len(kept[4])
