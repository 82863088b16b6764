"""A minute of the local quote service before a node that lies in every way known; `make hostile` runs an hour."""

import pytest
from hostile.campaign import FAST, run_campaign
from hostile.faults import FAULTS

pytestmark = pytest.mark.integration

SEED = 5


async def test_whatever_the_node_does_nothing_fresh_is_wrong_and_no_age_too_young() -> None:
    found = await run_campaign(faults=FAULTS, pace=FAST, seed=SEED)
    assert found.baseline_count >= 40
    assert set(found.tallies) >= {fault.name for fault in FAULTS}
    assert all(tally.checked_count > 0 for tally in found.tallies.values()), found.table()
    assert not found.broken, f"\n{found.table()}"
