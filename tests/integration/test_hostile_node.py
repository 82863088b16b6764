"""A minute of the local quote service before a node that lies in every way known; `make hostile` runs an hour."""

import asyncio
from collections.abc import Sequence

import pytest
from hostile.campaign import FAST, Campaign, run_campaign
from hostile.faults import FAULTS, Fault
from hostile.report import figures_table

pytestmark = pytest.mark.integration

SEED = 5
WITH_TWO = {
    "frozen",
    "frozen http",
    "frozen feed",
    "silent feed",
    "lagging 12 slots",
    "lagging http 12 slots",
    "40 slots back",
    "accounts lost",
    "damage: short",
    "http 400 ms late",
    "all 1.5 s late",
    "slot 2^53 in answers",
    "slot 2^53 in the feed",
    "hanging up",
    "http 429",
    "http 500",
    "http half unanswered",
    "forks of 5 slots",
    "forks, reverts untold",
}
"""Faults in which the two nodes differ, and forks, which both show."""
FAULTS_WITH_TWO = [fault for fault in FAULTS if fault.name in WITH_TWO]


@pytest.fixture(scope="module")
def found() -> tuple[Campaign, Campaign]:
    """Of one node, and of two. Both at once, each with processes of its own: a campaign waits, most of its time."""

    async def run_both() -> tuple[Campaign, Campaign]:
        with_one = run_campaign(faults=FAULTS, pace=FAST, seed=SEED)
        with_two = run_campaign(faults=FAULTS_WITH_TWO, pace=FAST, seed=SEED, has_steady=True)
        async with asyncio.TaskGroup() as tasks:
            one, two = tasks.create_task(with_one), tasks.create_task(with_two)
        return one.result(), two.result()

    return asyncio.run(run_both())


def test_whatever_the_node_does_nothing_fresh_is_wrong_and_no_age_too_young(found: tuple[Campaign, Campaign]) -> None:
    one, _ = found
    assert_nothing_is_broken(one, FAULTS)


def test_with_a_second_endpoint_nothing_fresh_is_wrong_either(found: tuple[Campaign, Campaign]) -> None:
    _, two = found
    assert len(FAULTS_WITH_TWO) == len(WITH_TWO)
    assert_nothing_is_broken(two, FAULTS_WITH_TWO)


def assert_nothing_is_broken(campaign: Campaign, faults: Sequence[Fault]) -> None:
    assert campaign.baseline_count >= 40
    assert set(campaign.tallies) >= {fault.name for fault in faults}
    assert all(tally.checked_count > 0 for tally in campaign.tallies.values()), figures_table(campaign)
    assert not campaign.broken, f"{campaign.broken}\n{figures_table(campaign)}"
