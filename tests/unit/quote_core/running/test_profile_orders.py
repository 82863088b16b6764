import json
from pathlib import Path

import pytest

from quote_core.running.profile_orders import ProfileOrder, forget_orders, orders_waiting


def placed(folder: Path, *, process: str = "scanner", pid: int = 7) -> ProfileOrder:
    return ProfileOrder.placed(folder, process=process, pid=pid, seconds=2.5)


def waiting(folder: Path, *, process: str = "scanner", pid: int = 7) -> list[ProfileOrder]:
    return list(orders_waiting(folder, process=process, pid=pid))


def test_an_order_is_for_one_process_as_it_runs_now_and_taken_once(tmp_path: Path):
    assert waiting(tmp_path) == []
    order = placed(tmp_path)
    assert waiting(tmp_path) == [order]
    assert waiting(tmp_path, process="planner") == []
    assert waiting(tmp_path, pid=8) == []
    assert not order.has_begun
    order.begin()
    assert order.has_begun
    assert waiting(tmp_path) == []


def test_what_is_delivered_is_there_until_the_order_is_taken_away_and_nothing_is_left(tmp_path: Path):
    first, second = placed(tmp_path), placed(tmp_path, process="planner")
    assert first.delivered() is None
    first.deliver(b"{}")
    assert first.delivered() == b"{}"
    assert second.delivered() is None
    first.take_away()
    assert not first.is_wanted
    assert second.is_wanted
    second.take_away()
    assert list(tmp_path.iterdir()) == []


def test_nobody_else_may_read_or_order(tmp_path: Path):
    order = placed(tmp_path)
    order.begin()
    order.deliver(b"{}")
    assert {path.stat().st_mode & 0o777 for path in order.folder.iterdir()} == {0o600}
    assert [folder.stat().st_mode & 0o777 for folder in (order.folder, order.folder.parent)] == [0o700, 0o700]


def test_an_order_that_was_called_off_is_neither_begun_nor_delivered(tmp_path: Path):
    order = placed(tmp_path)
    order.take_away()
    with pytest.raises(FileNotFoundError):
        order.begin()
    order.deliver(b"{}")
    assert list(tmp_path.iterdir()) == []


def test_what_killed_ones_left_is_forgotten(tmp_path: Path):
    placed(tmp_path)
    forget_orders(tmp_path)
    forget_orders(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 4_000,
        '{"process": "scanner", "pid": 7}',
        *(
            json.dumps({"process": "scanner", "pid": 7, "seconds": seconds})
            for seconds in (0, -1, 301, "soon", None, float("nan"), float("inf"))
        ),
        '{"process": "scanner", "pid": Infinity, "seconds": 1}',
    ],
)
def test_what_is_no_order_is_passed_over(tmp_path: Path, content: str):
    order = placed(tmp_path)
    (order.folder / "order.json").write_text(content)
    assert waiting(tmp_path) == []
