"""Pyth's stream over real HTTP: what is taken of it, what is not, and how it is begun anew."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from fakes.fake_clock import FakeClock
from fakes.held_market import JITOSOL, REGISTRY, SOL, USDC
from fakes.oracle_readings import NOW_S
from fakes.price_apis import Ending, FakeHermes, Script, hermes_event, hermes_price
from fakes.waiting import eventually

from local_quote.oracle import PriceReading, Refusal, Source, Unit
from local_quote.oracle.hermes import EventData, HermesStream
from quote_core.outside_api import ANSWER_BYTES_MAX, HttpApi
from quote_core.resilience import Backoff, Pause
from quote_core.units import Pubkey

S = 1_000_000_000
LONG_NS = 60 * S
SOL_FEED, USDC_FEED = SOL.pyth_feed_id or "", USDC.pyth_feed_id or ""
SOL_80 = hermes_price(SOL_FEED, "8000000000", publish_time=NOW_S)
USDC_1 = hermes_price(USDC_FEED, "99990000", publish_time=NOW_S)


class Following:
    """A stream of a Hermes, and what it told."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, silence_ns: int) -> None:
        self.clock = FakeClock()
        self.taken: list[tuple[Pubkey, PriceReading]] = []
        self.refused: list[tuple[Source, Refusal]] = []
        self.pause = Pause(name="hermes", clock=self.clock)
        api = HttpApi(
            session,
            provider="hermes",
            base_url=url,
            clock=self.clock,
            pause=self.pause.extend,
            refusals=frozenset(),
        )
        self.stream = HermesStream(
            api,
            REGISTRY,
            take=lambda mint, reading: self.taken.append((mint, reading)),
            refuse=lambda source, reason: self.refused.append((source, reason)),
            silence_ns=silence_ns,
            backoff=Backoff(first_ns=1_000_000, pause_ns_max=2_000_000),
            pause=self.pause,
            clock=self.clock,
        )

    @property
    def usd(self) -> dict[Pubkey, float]:
        return {mint: reading.price for mint, reading in self.taken}


@contextlib.asynccontextmanager
async def following(hermes: FakeHermes, *, silence_ns: int = LONG_NS) -> AsyncIterator[Following]:
    async with hermes.serving() as url, aiohttp.ClientSession() as session:
        yield Following(session, url + "/", silence_ns=silence_ns)


async def followed(*chunks: bytes, **script: object) -> Following:
    """What came of one stream that ended."""
    hermes = FakeHermes(Script(chunks, **{"ending": Ending.ENDED} | script))  # type: ignore[arg-type]  # its fields
    async with following(hermes) as one:
        one.stream.fault = await one.stream.follow_once()
    return one


async def test_prices_are_taken_with_interval_and_time() -> None:
    one = await followed(hermes_event(SOL_80, USDC_1))
    assert one.usd == {SOL.mint: pytest.approx(80.0), USDC.mint: pytest.approx(0.9999)}
    _, reading = one.taken[0]
    assert (reading.source, reading.unit, reading.conf) == (Source.HERMES, Unit.USD, pytest.approx(0.05))
    assert (reading.published_unix_s, reading.published_slot) == (NOW_S, None)
    assert reading.freshness.vouched.mono_ns == one.clock.mono_ns()
    assert one.stream.fault == "hermes: ended the stream"


async def test_every_token_with_a_feed_is_asked_for_once() -> None:
    hermes = FakeHermes(Script(ending=Ending.ENDED))
    async with following(hermes) as one:
        await one.stream.follow_once()
    (target,) = hermes.targets
    path, _, query = target.partition("?")
    assert path == "/v2/updates/price/stream"
    parameters = query.split("&")
    feeds = {token.pyth_feed_id for token in REGISTRY} - {None}
    how = {"parsed=true", "encoding=base64", "ignore_invalid_price_ids=true"}
    assert sorted(parameters) == sorted({f"ids%5B%5D={feed}" for feed in feeds} | how)
    assert one.stream.tokens.keys() == {token.mint for token in REGISTRY if token.pyth_feed_id is not None}
    assert JITOSOL.mint in one.stream.tokens


@pytest.mark.parametrize("size_bytes", [1, 7, 100])
async def test_an_event_in_pieces_is_the_same_event(size_bytes: int) -> None:
    whole = b": hello\r\n\r\n" + hermes_event(SOL_80).replace(b"\n", b"\r\n") + hermes_event(USDC_1)
    one = await followed(*(whole[start : start + size_bytes] for start in range(0, len(whole), size_bytes)))
    assert one.usd.keys() == {SOL.mint, USDC.mint}
    assert one.refused == []


@pytest.mark.parametrize("ending", [Ending.ENDED, Ending.CUT])
async def test_half_an_event_is_no_event(ending: Ending) -> None:
    one = await followed(hermes_event(USDC_1), hermes_event(SOL_80)[:-1], ending=ending)
    assert one.usd.keys() == {USDC.mint}
    assert one.stream.fault.startswith("hermes: ")


@pytest.mark.parametrize(
    "told",
    [
        b"not json", b"[]", b"null", b"5", b'"text"', b"{}", b'{"parsed": null}', b'{"parsed": {}}', b'{"parsed": 5}',
        b"\xff\xfe", b"[" * 50_000,
    ],
)  # fmt: skip
async def test_an_event_that_cannot_be_read_is_counted_and_the_next_one_is_taken(told: bytes) -> None:
    one = await followed(b"data: " + told + b"\n\n", hermes_event(SOL_80))
    assert one.usd.keys() == {SOL.mint}
    assert one.refused == [(Source.HERMES, Refusal.UNREADABLE)]


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        (hermes_price(SOL_FEED, "-8000000000", publish_time=NOW_S), Refusal.PRICE),
        (hermes_price(SOL_FEED, "0", publish_time=NOW_S), Refusal.PRICE),
        (hermes_price(SOL_FEED, 8_000_000_000, publish_time=NOW_S), Refusal.PRICE),
        (hermes_price(SOL_FEED, "8e9", publish_time=NOW_S), Refusal.PRICE),
        (hermes_price(SOL_FEED, "NaN", publish_time=NOW_S), Refusal.PRICE),
        (hermes_price(SOL_FEED, "9" * 5_000, publish_time=NOW_S), Refusal.PRICE),
        (hermes_price(SOL_FEED, None, publish_time=NOW_S), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=NOW_S, expo=1_000_000_000), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=NOW_S, expo=-19), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=NOW_S, expo="-8"), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=NOW_S, expo=True), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=NOW_S, conf="-1"), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=NOW_S, conf=str(2**64)), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=-1), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=2**63), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=1.5), Refusal.PRICE),
        (hermes_price(SOL_FEED, "1", publish_time=None), Refusal.PRICE),
        ({"id": SOL_FEED}, Refusal.PRICE),
        ({"id": SOL_FEED, "price": 5}, Refusal.PRICE),
        ({"price": {}}, Refusal.PRICE),
        (None, Refusal.PRICE),
        ([], Refusal.PRICE),
        (hermes_price("00" * 32, "1", publish_time=NOW_S), Refusal.FEED_ID),
        (hermes_price("", "1", publish_time=NOW_S), Refusal.FEED_ID),
    ],
)
async def test_a_price_that_is_none_is_counted_by_what_is_wrong_and_the_others_are_taken(
    told: object, refused: Refusal
) -> None:
    one = await followed(hermes_event(told, USDC_1))
    assert one.usd.keys() == {USDC.mint}
    assert one.refused == [(Source.HERMES, refused)]


@pytest.mark.parametrize("publish_time", [0, NOW_S - 3_600, NOW_S + 3_600, 2**40])
async def test_a_time_past_or_ahead_is_told_as_it_is_for_the_policy_to_judge(publish_time: int) -> None:
    one = await followed(hermes_event(hermes_price(SOL_FEED, "8000000000", publish_time=publish_time)))
    assert [reading.published_unix_s for _, reading in one.taken] == [publish_time]


async def test_a_feed_id_may_be_written_with_its_prefix() -> None:
    one = await followed(hermes_event(hermes_price(f"0x{SOL_FEED}", "8000000000", publish_time=NOW_S)))
    assert one.usd.keys() == {SOL.mint}


async def test_no_more_prices_than_were_asked_for_are_read_of_an_event() -> None:
    one = await followed(hermes_event(*([None] * 10_000)))
    assert len(one.refused) == len({token.pyth_feed_id for token in REGISTRY} - {None})


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ({"status": 500}, "hermes: answered 500"),
        ({"status": 503, "headers": {"Retry-After": "20"}}, "hermes: answered 503"),
        ({"status": 404}, "hermes: answered 404"),
        ({"status": 302, "headers": {"Location": "/elsewhere"}}, "hermes: answered 302"),
        ({"content_type": "text/html", "chunks": (b"<html>",)}, "answer is not text/event-stream"),
        ({"chunks": (b"data: " + b"x" * (ANSWER_BYTES_MAX + 1),)}, "a line of the answer is longer than"),
    ],
)
async def test_an_answer_that_is_no_stream_is_a_fault_that_says_what_it_was(
    script: dict[str, object], fault: str
) -> None:
    chunks = script.pop("chunks", (hermes_event(SOL_80),))
    assert isinstance(chunks, tuple)
    one = await followed(*chunks, **script)
    assert fault in one.stream.fault
    assert one.taken == []


async def test_too_many_streams_are_begun_anew_when_the_server_wants_it() -> None:
    one = await followed(status=429, headers={"Retry-After": "20"})
    assert one.pause.remaining_ns == 20 * S
    assert one.taken == []


async def test_nobody_there_is_a_fault_that_names_no_url() -> None:
    async with aiohttp.ClientSession() as session:
        one = Following(session, "http://127.0.0.1:9/key-in-path", silence_ns=LONG_NS)
        fault = await one.stream.follow_once()
    assert "cannot be reached" in fault
    assert "key-in-path" not in fault


async def test_a_stream_that_says_nothing_is_left() -> None:
    async with following(FakeHermes(), silence_ns=50_000_000) as one:
        assert "50 ms" in await one.stream.follow_once()


async def test_a_stream_that_keeps_talking_without_a_price_is_left() -> None:
    hermes = FakeHermes()
    async with following(hermes, silence_ns=200_000_000) as one, asyncio.TaskGroup() as tasks:

        async def chatter() -> None:
            while True:
                await hermes.say(b": still here\n\n" + hermes_event())
                await asyncio.sleep(0.005)

        chatting = tasks.create_task(chatter())
        assert "200 ms" in await one.stream.follow_once()
        chatting.cancel()


async def test_a_stream_is_begun_anew_whatever_it_ended_by_and_its_fault_is_over_with_the_first_price() -> None:
    hermes = FakeHermes(
        Script(status=500, ending=Ending.ENDED),
        Script((b"data: garbage\n\n",), ending=Ending.ENDED),
        Script((hermes_event(SOL_80)[:40],), ending=Ending.CUT),
        Script(content_type="text/plain"),
        Script((hermes_event(SOL_80),)),
    )
    async with following(hermes) as one, asyncio.TaskGroup() as tasks:
        assert one.stream.fault == "has not answered yet"
        running = tasks.create_task(one.stream.run())
        await eventually(lambda: not one.stream.fault)
        assert one.usd.keys() == {SOL.mint}
        assert one.stream.connect_count == hermes.connect_count == 5
        await hermes.say(hermes_event(USDC_1))
        await eventually(lambda: USDC.mint in one.usd)
        running.cancel()


def test_data_of_several_lines_is_one_event_and_other_fields_are_none() -> None:
    data = EventData()
    lines = (b"event: update", b"data: one", b"id: 5", b"data:two", b"retry: 5", b": comment", b"data", b"")
    assert [data.take(line) for line in lines] == [None] * 7 + [b"one\ntwo\n"]
    assert data.take(b"") is None


def test_an_event_longer_than_an_answer_may_be_is_dropped_and_the_next_one_is_whole() -> None:
    data = EventData()
    for _ in range(5):
        assert data.take(b"data:" + b"x" * (ANSWER_BYTES_MAX // 4)) is None
    assert data.take(b"") is None
    assert [data.take(line) for line in (b"data: next", b"")] == [None, b"next"]
