import asyncio
import contextlib
import json
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fakes.speedscope import check_speedscope, functions_of
from fakes.waiting import eventually

from quote_core.running.profile_orders import ProfileOrder
from quote_core.telemetry import followed_profiles


@contextlib.asynccontextmanager
async def following(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator["asyncio.Task[None]"]:
    monkeypatch.setattr(followed_profiles, "LOOK_EVERY_S", 0.01)
    task = asyncio.create_task(followed_profiles.follow_profile_orders(folder, "scanner"))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def placed(folder: Path, *, seconds: float) -> ProfileOrder:
    return ProfileOrder.placed(folder, process="scanner", pid=os.getpid(), seconds=seconds)


def is_looking() -> bool:
    return any(thread.name == "profile" for thread in threading.enumerate())


def hot(order: ProfileOrder) -> None:
    """What the event loop is found in: it stands still until the profile is there."""
    while order.delivered() is None:
        sum(range(10_000))


TRIES_MAX = 20
"""A thread that gets no processor for the time of a profile is not found in what it does afterwards."""


async def test_orders_are_carried_out_and_what_holds_the_loop_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    found: list[bool] = []
    async with following(tmp_path, monkeypatch):
        while sum(found) < 2 and len(found) < TRIES_MAX:
            order = placed(tmp_path, seconds=0.3)
            await eventually(lambda order=order: order.has_begun)
            hot(order)
            document = json.loads(order.delivered() or b"")
            check_speedscope(document)
            assert document["name"] == f"scanner, process {os.getpid()}"
            stacks = functions_of(document)
            found.append(any(any(name.endswith("test_followed_profiles.hot") for name in stack) for stack in stacks))
            order.take_away()
    assert sum(found) == 2


async def test_two_orders_of_one_moment_are_carried_out_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    orders = [placed(tmp_path, seconds=0.05) for _ in range(2)]
    async with following(tmp_path, monkeypatch):
        await eventually(lambda: all(order.delivered() for order in orders))
    for order in orders:
        check_speedscope(json.loads(order.delivered() or b""))


async def test_nothing_runs_while_nothing_is_ordered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    looks = 0

    def counted(*arguments: object, **named: object) -> list[ProfileOrder]:
        nonlocal looks
        looks += 1
        return []

    monkeypatch.setattr(followed_profiles, "orders_waiting", counted)
    async with following(tmp_path, monkeypatch):
        await eventually(lambda: looks > 2)
        assert not is_looking()


async def test_a_process_that_stops_and_an_order_called_off_end_it_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    order = placed(tmp_path, seconds=300.0)
    async with following(tmp_path, monkeypatch):
        await eventually(lambda: order.has_begun and is_looking())
        order.take_away()
        await eventually(lambda: not is_looking())
        assert list(tmp_path.iterdir()) == []
        order = placed(tmp_path, seconds=300.0)
        await eventually(lambda: order.has_begun and is_looking())
    await eventually(lambda: not is_looking())
    assert order.delivered() is None


async def test_one_that_cannot_be_written_is_no_end_of_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    async with following(tmp_path, monkeypatch):
        with monkeypatch.context() as patched:
            first = placed(tmp_path, seconds=0.05)
            patched.setattr(ProfileOrder, "deliver", full)
            await eventually(lambda: first.has_begun)
            await eventually(lambda: not is_looking())
        second = placed(tmp_path, seconds=0.05)
        await eventually(lambda: second.delivered() is not None)
    assert first.delivered() is None
