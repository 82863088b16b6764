from collections import Counter
from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from aggregator.rows import Hold, RowRegistry
from quote_core.errors import TooManyQuotes
from quote_core.quotes import QuoteKey
from quote_core.units import Pubkey

COUNT_MAX, WATCHED_COUNT, CLIENT_ROWS_MAX, GROUP = 9, 4, 4, 2
amounts = st.lists(st.integers(1, 12), min_size=1, max_size=5)


class Registry(RuleBasedStateMachine):
    """Holds, releases and moves of the platform in any order, beside plain lists of who holds and watches what."""

    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.rows = RowRegistry(count_max=COUNT_MAX, watched_count=WATCHED_COUNT, client_rows_max=CLIENT_ROWS_MAX)
        self.follower: dict[Hold, dict[int, int]] = {}
        self.lost: set[Hold] = set()
        self.meaning: dict[int, int] = {}
        self.watched: dict[int, list[int]] = {0: [], GROUP: []}
        self.rows.listen(self)
        self.rows.follow(self)

    def row_added(self, index: int, key: QuoteKey) -> None:
        assert index not in self.meaning
        self.meaning[index] = key.input_amount

    def row_removed(self, index: int, key: QuoteKey) -> None:
        assert self.meaning.pop(index) == key.input_amount

    def rename(self, moved: Mapping[int, int | None]) -> None:
        for hold, rows in self.follower.items():
            kept = {amount: moved.get(row, row) for amount, row in rows.items()}
            if None in kept.values():
                self.lost.add(hold)
            self.follower[hold] = {amount: row for amount, row in kept.items() if row is not None}

    @rule(target=holds, client=st.sampled_from("ab"), wanted=amounts)
    def hold(self, client: str, wanted: list[int]) -> Hold | None:
        before = dict(self.meaning)
        try:
            hold = self.rows.hold(client, [key(amount) for amount in wanted])
        except TooManyQuotes:
            assert self.meaning == before
            return None
        self.follower[hold] = dict(zip(wanted, hold.rows, strict=True))
        return hold

    @rule(hold=consumes(holds))
    def release(self, hold: Hold | None) -> None:
        if hold is not None:
            self.rows.release(hold)
            del self.follower[hold]

    @rule(first=st.sampled_from((0, GROUP)), wanted=st.lists(st.integers(1, 12), min_size=GROUP, max_size=GROUP))
    def watch(self, first: int, wanted: list[int]) -> None:
        self.rows.watch(first, [key(amount) for amount in wanted])
        self.watched[first] = wanted

    @invariant()
    def every_follower_stands_where_its_amount_is(self) -> None:
        for rows in self.follower.values():
            for amount, row in rows.items():
                assert self.meaning[row] == amount

    @invariant()
    def the_platforms_numbers_mean_its_own_amounts_and_no_other(self) -> None:
        own = {amount for row, amount in self.meaning.items() if row < WATCHED_COUNT}
        assert own <= {amount for group in self.watched.values() for amount in group}

    @invariant()
    def nothing_has_a_row_that_is_neither_watched_nor_held(self) -> None:
        clients = {amount for row, amount in self.meaning.items() if row >= WATCHED_COUNT}
        assert clients <= {amount for rows in self.follower.values() for amount in rows}
        assert all(row < COUNT_MAX for row in self.meaning)
        assert not [amount for amount, count in Counter(self.meaning.values()).items() if count > 1]

    @invariant()
    def listeners_know_the_same(self) -> None:
        assert self.meaning == {index: k.input_amount for index, k in self.rows}


def key(amount: int) -> QuoteKey:
    return QuoteKey(Pubkey("in"), Pubkey("out"), amount)


TestRegistry = Registry.TestCase
