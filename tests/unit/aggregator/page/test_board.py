import asyncio
import json

import pytest

from aggregator.page.board import Board, Viewer
from quote_core.errors import ProviderUnavailable


async def frame(board: Board, viewer: Viewer) -> list[tuple[str, object]]:
    """The next frame, as (topic, content)."""
    sent = await board.frame(viewer)
    assert sent is not None
    events = [event.split("\n") for event in sent.decode().removesuffix("\n\n").split("\n\n")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in events]


async def test_a_viewer_gets_the_newest_of_each_topic_once() -> None:
    board = Board(viewer_count_max=1)
    with board.viewer(0) as viewer:
        board.put("pulse", {"unix_ms": 1})
        board.put("switch", {"state": "ACTIVE"})
        assert await frame(board, viewer) == [("pulse", {"unixMs": 1}), ("switch", {"state": "ACTIVE"})]
        board.put("pulse", {"unix_ms": 2})
        assert await frame(board, viewer) == [("pulse", {"unixMs": 2})]


async def test_what_a_slow_viewer_did_not_take_is_overtaken_and_not_kept() -> None:
    board = Board(viewer_count_max=1)
    with board.viewer(0) as viewer:
        for number in range(10_000):
            board.put("quotes", {"number": number})
        assert await frame(board, viewer) == [("quotes", {"number": 9_999})]


async def test_the_same_content_again_is_no_news() -> None:
    board = Board(viewer_count_max=1)
    with board.viewer(0) as viewer:
        board.put("pools", {"pools": []})
        await frame(board, viewer)
        board.put("pools", {"pools": []})
        board.put("pulse", {})
        assert await frame(board, viewer) == [("pulse", {})]


async def test_parts_of_a_topic_are_told_apart() -> None:
    board = Board(viewer_count_max=1)
    with board.viewer(0) as viewer:
        board.put("log", {"process": "planner"}, part="planner")
        board.put("log", {"process": "scanner"}, part="scanner")
        assert await frame(board, viewer) == [("log", {"process": "planner"}), ("log", {"process": "scanner"})]


async def test_a_size_goes_to_its_own_viewers() -> None:
    board = Board(viewer_count_max=2)
    with board.viewer(3) as small, board.viewer(30) as large:
        assert board.sizes == {3, 30}
        board.put("quotes", {"size": 3}, size=3)
        board.put("quotes", {"size": 30}, size=30)
        assert await frame(board, small) == [("quotes", {"size": 3})]
        assert await frame(board, large) == [("quotes", {"size": 30})]


async def test_one_viewer_too_many_is_refused_and_a_place_given_back_is_taken_again() -> None:
    board = Board(viewer_count_max=1)
    with board.viewer(0), pytest.raises(ProviderUnavailable), board.viewer(0):
        pass
    with board.viewer(0):
        assert len(board) == 1


async def test_a_board_that_closes_sends_everybody_away() -> None:
    board = Board(viewer_count_max=1)
    with board.viewer(0) as viewer:
        waiting = asyncio.create_task(board.frame(viewer))
        await asyncio.sleep(0)
        board.close()
        assert await waiting is None
    with pytest.raises(ProviderUnavailable), board.viewer(0):
        pass


async def test_it_is_watched_from_the_first_viewer_until_some_time_after_the_last() -> None:
    board = Board(viewer_count_max=2)
    watched = asyncio.create_task(board.watched())
    await asyncio.sleep(0)
    assert not watched.done()
    with board.viewer(0):
        await watched
        deserted = asyncio.create_task(board.deserted(for_s=0.0))
        with board.viewer(0):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not deserted.done()
    await deserted


async def test_nothing_is_left_of_what_was_cleared() -> None:
    board = Board(viewer_count_max=1)
    board.put("switch", {"state": "ACTIVE"})
    board.clear()
    with board.viewer(0) as viewer:
        board.put("pulse", {})
        assert await frame(board, viewer) == [("pulse", {})]
