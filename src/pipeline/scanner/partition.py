"""Which pairs a scanner looks at, when several share them.

    partition of a pair = BLAKE2b-64 of its two mints, as 32 bytes each, the lower one first, read as a big-endian
                          number, modulo the count of partitions

The same for both directions, in every process, version and language: a scanner elsewhere can tell whose a pair is.
A hash knows nothing of load, and of few pairs one partition may get none: it is looked at by whoever chooses a count.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.tokens import Pair

__all__ = ["WHOLE", "Partition"]

_HASH_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One of `count` parts, which have all pairs among them and no pair in common."""

    index: int
    count: int

    def has(self, pair: Pair) -> bool:
        """Whether a pair is in this part."""
        return _hash(pair) % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index} of {self.count}"


WHOLE: Final = Partition(index=0, count=1)
"""All pairs."""


def _hash(pair: Pair) -> int:
    mints = sorted(bytes(SoldersPubkey.from_string(token.mint)) for token in (pair.base, pair.quote))
    return int.from_bytes(hashlib.blake2b(b"".join(mints), digest_size=_HASH_BYTES).digest(), "big")
