"""The executor's settings: live execution is refused with a clear sentence."""

import pytest

from pipeline.executor.maxima import DAILY_LOSS_LAMPORTS_MAX, PAIR_EXPOSURE_LAMPORTS_MAX, TRADES_PER_MINUTE_MAX
from pipeline.executor.settings import ExecutorSettings
from quote_core.settings import SettingsError


def test_paper_is_the_default() -> None:
    assert ExecutorSettings.load(environ={}).mode == "paper"


def test_live_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="live execution is not built yet"):
        ExecutorSettings.load(environ={"SOLQUOTE_EXECUTOR_MODE": "live"})


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("TRADES_PER_MINUTE_MAX", TRADES_PER_MINUTE_MAX),
        ("PAIR_EXPOSURE_MAX_LAMPORTS", PAIR_EXPOSURE_LAMPORTS_MAX),
        ("DAILY_LOSS_MAX_LAMPORTS", DAILY_LOSS_LAMPORTS_MAX),
    ],
)
def test_no_setting_raises_a_hard_stop_above_its_maximum(name: str, most: int) -> None:
    variable = f"SOLQUOTE_EXECUTOR_{name}"
    assert ExecutorSettings.load(environ={variable: str(most)})
    for value in (most + 1, 0):
        with pytest.raises(SettingsError, match=variable):
            ExecutorSettings.load(environ={variable: str(value)})


def test_paper_must_land_in_time_unless_it_is_naive() -> None:
    late = {"SOLQUOTE_EXECUTOR_PAPER_LANDING_MAX": "30s"}
    with pytest.raises(SettingsError, match="paper_landing_max must be below in_flight_max"):
        ExecutorSettings.load(environ=late)
    with pytest.raises(SettingsError, match="paper_landing_min must not be above"):
        ExecutorSettings.load(environ={"SOLQUOTE_EXECUTOR_PAPER_LANDING_MIN": "2s"})
    assert ExecutorSettings.load(environ={**late, "SOLQUOTE_EXECUTOR_PAPER_NAIVE": "true"}).paper_naive
