"""One idea of fresh in all settings: what asks whether state is, asks for the same age."""

from aggregator.settings import AggregatorSettings
from local_quote.settings import LocalQuoteSettings
from pipeline.executor.settings import ExecutorSettings
from pipeline.planner.settings import PlannerSettings
from pipeline.scanner.settings import ScannerSettings
from quote_core.freshness import FRESH_NS_MAX


def test_every_limit_of_fresh_state_is_the_same() -> None:
    planner = PlannerSettings()
    assert {
        LocalQuoteSettings().stale_after,
        AggregatorSettings().local_stale_after,
        ScannerSettings().quote_age_max,
        planner.quote_age_max,
        planner.pool_state_age_max,
        ExecutorSettings().state_age_max,
    } == {FRESH_NS_MAX}


def test_pools_are_read_often_enough_to_stay_fresh_with_one_reading_lost() -> None:
    local = LocalQuoteSettings()
    assert 2 * local.clmm_event_driven_interval < FRESH_NS_MAX
