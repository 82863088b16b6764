"""Whatever Hermes and Jupiter say, what is taken of it is a price within bounds, and nothing of it is an exception."""

from typing import Any, cast

import orjson
import pytest
from fakes.fake_clock import FakeClock
from fakes.held_market import REGISTRY, SOL, USDC
from fakes.oracle_readings import LIMITS, TIME
from hypothesis import given
from hypothesis import strategies as st

from local_quote.oracle import PriceOracle, PriceReading
from local_quote.oracle.hermes import HermesStream
from local_quote.oracle.jupiter import JupiterPrices
from local_quote.oracle.reading import checked_price
from quote_core.errors import LayoutMismatch
from quote_core.outside_api import HttpApi
from quote_core.units import Pubkey

CLOCK = FakeClock()
NOWHERE: dict[str, Any] = {"backoff": None, "pause": None, "clock": CLOCK}
numbers = st.integers() | st.floats() | st.integers().map(str) | st.floats().map(str)
json = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
words = numbers | json
hermes_prices = st.builds(
    lambda feed_id, price, conf, expo, publish_time: {
        "id": feed_id,
        "price": {"price": price, "conf": conf, "expo": expo, "publish_time": publish_time},
    },
    st.sampled_from([SOL.pyth_feed_id, USDC.pyth_feed_id]) | json,
    st.integers(1, 10**18).map(str) | words,
    st.integers(0, 10**9).map(str) | words,
    st.integers(-18, 18) | words,
    st.integers(0, 2**40) | words,
)
jupiter_prices = st.fixed_dictionaries(
    {"usdPrice": st.floats(0.01, 1_000.0) | words},
    optional={"blockId": st.integers(0, 2**48) | words, "decimals": words},
)


class Taken:
    """An oracle, and every reading that it was told of."""

    def __init__(self) -> None:
        self.oracle = PriceOracle(REGISTRY, clock=CLOCK, limits=LIMITS)
        self.readings: list[PriceReading] = []

    def take(self, mint: Pubkey, reading: PriceReading) -> None:
        self.readings.append(reading)
        self.oracle.take(mint, reading)

    def check(self) -> None:
        """Everything is told, whatever was taken."""
        for told in self.oracle.readings(TIME.chain, CLOCK.mono_ns()):
            assert told.usd is None or checked_price(told.usd, told.conf_usd or 0.0) == ""


def encoded(value: object) -> bytes | None:
    try:
        return orjson.dumps(value)
    except TypeError:  # no JSON of theirs either: an integer beyond 64 bits, a surrogate
        return None


@given(st.lists(hermes_prices | json, max_size=4) | json)
def test_any_event_of_hermes_is_prices_or_counted(told: object) -> None:
    body = encoded({"parsed": told})
    if body is not None:
        taken = Taken()
        stream = HermesStream(
            cast("HttpApi", None), REGISTRY, take=taken.take, refuse=taken.oracle.refuse, silence_ns=1, **NOWHERE
        )
        taken.oracle.add_source(stream)
        assert stream.see(body) is bool(taken.readings)
        taken.check()


@given(st.dictionaries(st.sampled_from([SOL.mint, USDC.mint]) | st.text(), jupiter_prices | json, max_size=4) | json)
def test_any_answer_of_jupiter_is_prices_or_a_fault(told: object) -> None:
    body = encoded(told)
    if body is not None:
        taken = Taken()
        prices = JupiterPrices(
            HttpApi(cast("Any", None), provider="jupiter", base_url="http://x", clock=CLOCK, pause=lambda _: None),
            REGISTRY,
            api_key=None,
            take=taken.take,
            refuse=taken.oracle.refuse,
            interval_ns=1,
            timeout_ns=1,
            **NOWHERE,
        )
        taken.oracle.add_source(prices)
        if isinstance(told, dict):
            prices.see(body, list(prices.tokens))
            assert all(checked_price(reading.price, reading.conf) == "" for reading in taken.readings)
        else:
            with pytest.raises(LayoutMismatch):
                prices.see(body, list(prices.tokens))
        taken.check()


@given(st.binary(max_size=200))
def test_any_bytes_are_no_event_and_no_answer_that_harms(body: bytes) -> None:
    taken = Taken()
    stream = HermesStream(
        cast("HttpApi", None), REGISTRY, take=taken.take, refuse=taken.oracle.refuse, silence_ns=1, **NOWHERE
    )
    assert not stream.see(body)
