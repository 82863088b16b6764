"""The frame of every compiled ladder, as far as Python calls it."""

from array import array
from collections.abc import Sequence

class CompiledPricing:
    """A `Pricing` whose terms and loop are C: outputs of exact inputs, 0 where refused.

    Amounts may be any sequence of integers of 64 bits; an `array("Q")` is read in place.
    """

    def __call__(self, amounts_in: Sequence[int], /) -> array[int]:
        """Element i is the output for `amounts_in[i]`.

        Raises:
            ValueError: A DEX that walks through ticks or bins is given amounts that do not ascend.
        """
