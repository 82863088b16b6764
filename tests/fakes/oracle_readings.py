"""Oracle readings made to order, at a moment of a chain."""

from hypothesis import strategies as st

from local_quote.oracle.policy import PolicyLimits, PolicyTime
from local_quote.oracle.reading import PRICE_MAX, PRICE_MIN, PriceReading, Source, Unit
from quote_core.clock import Moment
from quote_core.dex.pool import ChainClock
from quote_core.freshness import Freshness
from quote_core.tokens import Token

NOW_S = 1_785_000_000
SLOT = 400_000_000
EPOCH = 900
MONO_NS = 10**15
TIME = PolicyTime(MONO_NS, ChainClock(slot=SLOT, unix_timestamp=NOW_S, epoch=EPOCH))
LIMITS = PolicyLimits(age_s_max=60, epoch_age_max=1, conf_fraction_max=0.02, deviation_fraction_max=0.02)
TOLD_BY_TIME = (Source.PYTH, Source.HERMES)


class Outside:
    """A source over the network of which a test says what it is to tell."""

    def __init__(self, source: Source, *tokens: Token, fault: str = "") -> None:
        self.source = source
        self.tokens = {token.mint: token for token in tokens}
        self.fault = fault

    async def run(self) -> None:
        raise NotImplementedError


def vouched(age_s: float) -> Freshness:
    return Freshness(Moment(1, MONO_NS - round(age_s * 10**9), 0), SLOT)


def reading(
    source: Source,
    price: float,
    *,
    conf: float = 0.0,
    age_s: int = 0,
    vouched_s: float = 0.0,
    unit: Unit | None = None,
    slots_max: int | None = None,
    epoch: int | None = None,
) -> PriceReading:
    """What a source says, `age_s` after it was published."""
    is_rate = source is Source.RATE
    return PriceReading(
        source=source,
        price=price,
        unit=unit if unit is not None else Unit.SOL if is_rate else Unit.USD,
        conf=conf,
        freshness=vouched(vouched_s),
        published_unix_s=NOW_S - age_s if source in TOLD_BY_TIME else None,
        published_slot=None if is_rate or source in TOLD_BY_TIME else SLOT - age_s * 1_000 // 400,
        slots_max=slots_max,
        epoch=epoch,
    )


def readings() -> st.SearchStrategy[list[PriceReading]]:
    """What any sources may say, in bounds: one reading a source, any age, far ahead and long past included."""
    one = st.builds(
        PriceReading,
        source=st.sampled_from(Source),
        price=st.one_of(st.floats(PRICE_MIN, PRICE_MAX), st.floats(90.0, 110.0)),
        unit=st.sampled_from(Unit),
        conf=st.one_of(st.just(0.0), st.floats(0.0, PRICE_MAX)),
        freshness=st.floats(-10.0, 200.0).map(vouched),
        published_unix_s=st.none() | st.integers(0, 2**40) | st.integers(NOW_S - 120, NOW_S + 60),
        published_slot=st.none() | st.integers(0, 2**48 - 1) | st.integers(SLOT - 300, SLOT + 150),
        slots_max=st.none() | st.integers(0, 2**32 - 1),
        epoch=st.none() | st.integers(0, 2**64 - 1) | st.integers(EPOCH - 3, EPOCH + 1),
    )
    return st.lists(one, max_size=6, unique_by=lambda told: told.source)
