from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from aggregator.rows import RowRegistry
from quote_core.errors import TooManyQuotes
from quote_core.quotes import QuoteKey
from quote_core.units import Pubkey

COUNT_MAX = 8
amounts = st.lists(st.integers(1, 12), min_size=1, max_size=5)


class Registry(RuleBasedStateMachine):
    """Holds, releases and moves in any order, beside a plain list of who holds what."""

    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.rows = RowRegistry(count_max=COUNT_MAX)
        self.held: list[tuple[int, int]] = []
        self.meaning: dict[int, int] = {}
        self.rows.listen(self)

    def row_added(self, index: int, key: QuoteKey) -> None:
        self.meaning[index] = key.input_amount

    def row_removed(self, index: int, key: QuoteKey) -> None:
        assert self.meaning.pop(index) == key.input_amount

    @rule(target=holds, wanted=amounts)
    def hold(self, wanted: list[int]) -> list[tuple[int, int]]:
        try:
            indexes = self.rows.hold([key(amount) for amount in wanted])
        except TooManyQuotes:
            assert len(set(wanted) | {amount for _, amount in self.held}) > COUNT_MAX
            return []
        taken = list(zip(indexes, wanted, strict=True))
        self.held += taken
        return taken

    @rule(taken=consumes(holds))
    def release(self, taken: list[tuple[int, int]]) -> None:
        self.rows.release([index for index, _ in taken])
        for one in taken:
            self.held.remove(one)

    @rule(target=holds, taken=consumes(holds), amount=st.integers(1, 12))
    def move(self, taken: list[tuple[int, int]], amount: int) -> list[tuple[int, int]]:
        if not taken:
            return []
        (index, old), *rest = taken
        try:
            moved = self.rows.move(index, key(amount))
        except TooManyQuotes:
            return taken
        self.held.remove((index, old))
        self.held.append((moved, amount))
        return [(moved, amount), *rest]

    @invariant()
    def every_holder_has_its_amount_and_nothing_else_has_a_row(self) -> None:
        for index, amount in self.held:
            assert self.rows.key(index) == key(amount)
        assert {k.input_amount for _, k in self.rows} == {amount for _, amount in self.held}
        assert len(self.rows) <= COUNT_MAX

    @invariant()
    def listeners_know_the_same(self) -> None:
        assert self.meaning == {index: k.input_amount for index, k in self.rows}


def key(amount: int) -> QuoteKey:
    return QuoteKey(Pubkey("in"), Pubkey("out"), amount)


TestRegistry = Registry.TestCase
