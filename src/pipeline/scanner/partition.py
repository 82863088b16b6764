"""Which pairs and cycles a scanner looks at, when several share them.

    partition = BLAKE2b-64 of the mints, as 32 bytes each, the lower ones first, read as a big-endian number, modulo
                the count of partitions

The mints are a pair's two, or all that a cycle goes through. So it is the same for both directions and both ways round,
in every process, version and language: a scanner elsewhere can tell whose a pair or a cycle is. For a cycle a scanner
follows rows of pairs that are not its own.
A hash knows nothing of load, and of few pairs one partition may get none: it is looked at by whoever chooses a count.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.tokens import Pair, Token

__all__ = ["WHOLE", "Partition"]

_HASH_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """One of `count` parts, which have all pairs and cycles among them and none in common."""

    index: int
    count: int

    def has(self, pair: Pair) -> bool:
        """Whether a pair is in this part."""
        return self.has_tokens((pair.base, pair.quote))

    def has_tokens(self, tokens: Iterable[Token]) -> bool:
        """Whether a cycle through these tokens is in this part."""
        return _hash(tokens) % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index} of {self.count}"


WHOLE: Final = Partition(index=0, count=1)
"""All pairs and cycles."""


def _hash(tokens: Iterable[Token]) -> int:
    mints = sorted(bytes(SoldersPubkey.from_string(token.mint)) for token in tokens)
    return int.from_bytes(hashlib.blake2b(b"".join(mints), digest_size=_HASH_BYTES).digest(), "big")
