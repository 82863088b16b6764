"""An hour of the recorded flow, its notifications spread out on purpose: no quote is of half a swap.

In quarters, each with a flow of its own and another way to be late. `hostile/spread.py` tells how it is played.
"""

import pytest
from hostile import spread as playing
from hostile.spread import Spread, run_spread

from local_quote.companions import Companions
from quote_core.solana import AccountUpdate

pytestmark = pytest.mark.integration

QUARTER_MINUTES = 15
SWAPS_PER_SLOT_MIN = 2
QUARTERS = {
    "as far apart as on a busy socket": Spread(30),
    "further apart than is waited for": Spread(150),
    "a slot apart, and slots as late": Spread(400, slots_too=True),
    "overtaken by later slots, and some lost": Spread(1_000, slots_too=True, lost_fraction=0.002),
}


@pytest.mark.parametrize("seed", range(1, 5), ids=QUARTERS)
def test_no_quote_of_a_quarter_of_an_hour_is_of_half_a_swap_and_nearly_all_stay_fresh(seed: int) -> None:
    spread = list(QUARTERS.values())[seed - 1]
    found = run_spread(spread=spread, minutes=QUARTER_MINUTES, seed=seed)
    assert found.swap_count >= SWAPS_PER_SLOT_MIN * found.slot_count
    assert min(found.by_protocol.values()) > 300, found.told()
    assert len(found.by_protocol) >= 5, found.told()
    assert found.half_count == 0, found.told()
    assert found.fresh_share >= 0.9, found.told()


def test_it_would_see_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Believing(Companions):
        def take(self, updates: list[AccountUpdate], now_mono_ns: int) -> list[AccountUpdate]:  # type: ignore[override]
            return updates

    monkeypatch.setattr(playing, "Companions", Believing)
    found = run_spread(spread=Spread(30), minutes=1, seed=1)
    assert found.half_count > 20, found.told()
