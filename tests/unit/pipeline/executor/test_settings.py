"""The executor's settings: live execution is refused with a clear sentence."""

import pytest

from pipeline.executor.settings import ExecutorSettings
from quote_core.settings import SettingsError


def test_paper_is_the_default() -> None:
    assert ExecutorSettings.load(environ={}).mode == "paper"


def test_live_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="live execution is not built yet"):
        ExecutorSettings.load(environ={"SOLQUOTE_EXECUTOR_MODE": "live"})
