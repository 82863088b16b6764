"""Which trips were told of lately, so that one that goes on is told of again only after a while, or once it is better.

Two trips are the same when they lead the same way and put in about as much: the same number of binary digits. Bounded:
what was told of longest ago is forgotten first.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from quote_core.clock import Clock
from quote_core.units import BPS

__all__ = ["ToldLately"]

_TOLD_MAX: Final = 8_192


@dataclass(frozen=True, slots=True)
class _Told:
    mono_ns: int
    net_profit_lamports: int


class ToldLately:
    """Remembers trips by their way and size.

    Args:
        clock: For how long ago.
        window_ns: Within it a trip is news only when it is better; 0 = it always is.
        better_bps: By how much more net profit.
    """

    def __init__(self, clock: Clock, *, window_ns: int, better_bps: int) -> None:
        self._clock = clock
        self._window_ns = window_ns
        self._better_bps = better_bps
        self._told: OrderedDict[tuple[str, int], _Told] = OrderedDict()

    def is_news(self, way: str, amount_in: int, net_profit_lamports: int) -> bool:
        """Whether a trip is to be told of."""
        told = self._told.get((way, amount_in.bit_length()))
        if told is None or self._clock.mono_ns() - told.mono_ns >= self._window_ns:
            return True
        return net_profit_lamports * BPS > told.net_profit_lamports * (BPS + self._better_bps)

    def told(self, way: str, amount_in: int, net_profit_lamports: int) -> None:
        """The bus has it."""
        key = (way, amount_in.bit_length())
        self._told[key] = _Told(self._clock.mono_ns(), net_profit_lamports)
        self._told.move_to_end(key)
        if len(self._told) > _TOLD_MAX:
            self._told.popitem(last=False)
