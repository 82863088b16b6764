from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey as SoldersPubkey

from pipeline.scanner.partition import Partition
from quote_core.tokens import Pair, Token
from quote_core.units import Pubkey

mints = st.binary(min_size=32, max_size=32).map(lambda raw: Pubkey(str(SoldersPubkey.from_bytes(raw))))
pairs = st.lists(mints, min_size=2, max_size=2, unique=True)


def pair_of(base: Pubkey, quote: Pubkey) -> Pair:
    return Pair(*(Token(mint, "X", 9, "lst", None) for mint in (base, quote)))


@given(pairs, st.integers(1, 64))
def test_every_pair_is_in_exactly_one_part(tokens: list[Pubkey], count: int) -> None:
    assert sum(Partition(index=index, count=count).has(pair_of(*tokens)) for index in range(count)) == 1


@given(pairs, st.integers(1, 64), st.data())
def test_a_pair_is_in_the_same_part_both_ways(tokens: list[Pubkey], count: int, data: st.DataObject) -> None:
    part = Partition(index=data.draw(st.integers(0, count - 1)), count=count)
    assert part.has(pair_of(*tokens)) == part.has(pair_of(*reversed(tokens)))
