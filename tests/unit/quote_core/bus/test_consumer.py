"""The standing pull while a cluster chooses leaders: what can be had is asked for, whoever else has none."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from fakes.waiting import DEADLINE_S, eventually

from quote_core.bus import Bus, Consumer
from quote_core.bus.consumer import StandingPull
from quote_core.events import Stream


@dataclass
class Message:
    reply: str = "$JS.ACK"
    headers: dict[str, str] | None = None


NO_LEADER = Message(reply="", headers={"Status": "503"})


@dataclass
class Server:
    """Answers a pull as `has_leader` says, and lets a consumer be made once `may_make` is set."""

    has_leader: bool = True
    may_make: asyncio.Event = field(default_factory=asyncio.Event)
    asked: list[int] = field(default_factory=list)
    make_count: int = 0
    is_connected: bool = True
    _send: Callable[[Any], None] | None = None

    @property
    def client(self) -> "Server":
        return self

    def new_inbox(self) -> str:
        return "inbox"

    async def hear(self, _: str, take: Callable[[Any], None]) -> "Server":
        self._send = take
        return self

    async def drain(self) -> None:
        """Nothing is on its way."""

    async def publish(self, _: str, data: bytes, *, reply: str) -> None:
        assert reply == "inbox"
        assert self._send is not None
        self.asked.append(json.loads(data)["batch"])
        self._send(Message() if self.has_leader else NO_LEADER)

    async def make(self, _: object) -> None:
        self.make_count += 1
        await self.may_make.wait()


class MadeBy(Consumer):
    """A consumer that is made by a `Server`."""

    async def ensure(self, bus: Bus) -> None:
        await cast("Server", bus).make(self)


def pull(server: Server) -> StandingPull:
    return StandingPull(cast("Bus", server), MadeBy(stream=Stream.PLANNED, name="executor"), batch_count=2)


async def test_consumer_that_has_a_leader_again_is_heard_though_the_cluster_can_make_none() -> None:
    server = Server()
    server.may_make.set()
    async with contextlib.aclosing(pull(server).messages()) as messages:
        await anext(messages)
        server.has_leader = False
        server.may_make.clear()
        next_ = asyncio.ensure_future(anext(messages))
        await eventually(lambda: len(server.asked) > 4)
        assert server.make_count == 2, "it is being made, once"
        server.has_leader = True
        await asyncio.wait_for(next_, DEADLINE_S)
        assert not server.may_make.is_set()


async def test_consumer_that_is_gone_is_made_and_asked_at_once() -> None:
    server = Server()
    server.may_make.set()
    async with contextlib.aclosing(pull(server).messages()) as messages:
        await anext(messages)
        server.has_leader = False
        server.may_make.clear()
        next_ = asyncio.ensure_future(anext(messages))
        await eventually(lambda: server.make_count == 2)
        server.has_leader = True
        server.may_make.set()
        await asyncio.wait_for(next_, DEADLINE_S)
        assert server.make_count == 2


async def test_nothing_is_left_behind_when_nobody_wants_messages_any_more() -> None:
    server = Server()
    server.may_make.set()
    messages = pull(server).messages()
    await anext(messages)
    server.has_leader = False
    server.may_make.clear()
    next_ = asyncio.ensure_future(anext(messages))
    await eventually(lambda: server.make_count == 2)
    next_.cancel()
    await asyncio.gather(next_, return_exceptions=True)
    await messages.aclose()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
