import asyncio
from pathlib import Path

import pytest
from fakes.waiting import eventually

from quote_core.running.log_levels import set_levels
from quote_core.telemetry import followed_level


async def test_the_level_follows_the_file_and_goes_back_to_that_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    levels: list[str] = []
    monkeypatch.setattr(followed_level, "set_log_level", levels.append)
    monkeypatch.setattr(followed_level, "LOOK_EVERY_S", 0.01)
    following = asyncio.create_task(followed_level.follow_level(tmp_path, "scanner", default="info"))
    try:
        set_levels(tmp_path, ["planner"], "error")
        set_levels(tmp_path, ["scanner"], "debug")
        await eventually(lambda: levels[-1:] == ["debug"])
        set_levels(tmp_path, ["scanner"], None)
        await eventually(lambda: levels[-1:] == ["info"])
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
    assert set(levels) == {"debug", "info"}
