"""Which provider is asked next: by rank, and within a rank in turns by weight.

Ranks come from one setting: `jupiter*3+quicknode, dflow` asks Jupiter three times for each time that it asks QuickNode,
whichever of the two has no leave for a request is passed over for the other, and DFlow is asked where neither has any.

Turns are dealt smoothly: each provider of a rank gains its weight with every request of the rank, the one asked pays
the sum of all, and whoever has most is next. So of every `sum` requests each gets its weight's share, spread evenly.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:  # who only reads settings waits for no provider
    from external_quote.provider_guard import ProviderGuard

__all__ = ["ProviderRanks", "read_ranks"]

WEIGHT_MAX: Final = 1_000

_PROVIDER: Final = re.compile(r"([a-z0-9_]+)(?:\*([1-9][0-9]{0,3}))?")


def read_ranks(text: str) -> tuple[Mapping[str, int], ...]:
    """The setting's ranks, first first: weights by provider.

    Raises:
        ValueError: It is not of this form, a weight is above `WEIGHT_MAX`, or a provider is named twice.
    """
    ranks: list[Mapping[str, int]] = []
    seen: set[str] = set()
    for rank in text.split(","):
        weights: dict[str, int] = {}
        for part in rank.split("+"):
            match = _PROVIDER.fullmatch(part.strip())
            if match is None:
                raise ValueError(f"must be names like jupiter*3+quicknode, dflow; got {part.strip()[:40]!r}")
            name, weight = match[1], int(match[2] or 1)
            if weight > WEIGHT_MAX:
                raise ValueError(f"the weight of {name} must be at most {WEIGHT_MAX}, got {weight}")
            if name in seen:
                raise ValueError(f"names {name} twice")
            seen.add(name)
            weights[name] = weight
        ranks.append(weights)
    return tuple(ranks)


class ProviderRanks:
    """The providers in their ranks; each rank is a list of guards with their weights."""

    def __init__(self, ranks: Sequence[Sequence[tuple["ProviderGuard", int]]]) -> None:
        self._ranks = tuple(tuple(rank) for rank in ranks if rank)
        self._credits = {guard.name: 0 for rank in self._ranks for guard, _ in rank}

    @property
    def guards(self) -> tuple["ProviderGuard", ...]:
        """All of them, first rank first."""
        return tuple(guard for rank in self._ranks for guard, _ in rank)

    def in_turn(self) -> Iterator["ProviderGuard"]:
        """In the order in which they should be asked for the next request."""
        for rank in self._ranks:
            for guard, _ in sorted(rank, key=lambda one: -(self._credits[one[0].name] + one[1])):
                yield guard

    def asked(self, guard: "ProviderGuard") -> None:
        """This one was asked: it has had its turn."""
        rank = next(rank for rank in self._ranks if any(one is guard for one, _ in rank))
        for one, weight in rank:
            self._credits[one.name] += weight
        self._credits[guard.name] -= sum(weight for _, weight in rank)
