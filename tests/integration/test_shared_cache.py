"""The shared cache in a real Redis; what a cache promises is held by the fake of the unit tests as well."""

import asyncio
import contextlib
import random
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.certificates import Authority
from fakes.ports import free_port
from fakes.redis_server import PASSWORD, RedisServer, redis_running
from fakes.shared_cache import FakeSharedCache, SharedMemory
from fakes.waiting import eventually
from fakes.wall_clock import WallClocks

from quote_core.clock import SYSTEM_CLOCK
from quote_core.settings import PlatformSettings, SettingsError
from quote_core.shared_cache import SharedCache, Turn, open_shared_cache
from quote_core.shared_cache.redis_cache import RedisCache
from quote_core.units import NS_PER_MS, NS_PER_S

pytestmark = pytest.mark.integration

S = NS_PER_S
MS = NS_PER_MS
TOPIC = "quotes"
BUCKET = "jupiter:1"
_Make = Callable[[], SharedCache]


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_running() as server:
        yield server


@contextlib.asynccontextmanager
async def opened(server: RedisServer, **platform: object) -> AsyncIterator[RedisCache]:
    """Patient, for the machine may be busy; it is used at once."""
    settings = PlatformSettings.model_validate({"redis_url": server.url, "redis_timeout": "1s", **platform})
    async with open_shared_cache(settings, buckets=(BUCKET,), value_keep_ns=60 * S, clock=SYSTEM_CLOCK) as one:
        assert one.redis is not None
        await until_used(one.redis)
        yield one.redis


async def until_used(cache: RedisCache) -> None:
    async with asyncio.timeout(60):
        while not cache.is_up:
            await cache.beat()


@pytest.fixture(params=["memory", "redis"])
async def caches(request: pytest.FixtureRequest) -> AsyncIterator[tuple[SharedCache, SharedCache]]:
    """Two processes'."""
    if request.param == "memory":
        memory = SharedMemory(SYSTEM_CLOCK)
        yield FakeSharedCache(memory), FakeSharedCache(memory)
        return
    with redis_running() as server:
        async with opened(server) as one, opened(server) as other:
            yield one, other


async def turn_of(cache: SharedCache, *names: str, turn_ns: int = 60 * S) -> Turn | None:
    return (await cache.look(names, lock=names[0], young_ns=60 * S, turn_ns=turn_ns)).turn


async def put(
    cache: SharedCache, value: bytes, *, name: str = "quotes:a", ago_ns: int = 0, keep_ns: int = 60 * S
) -> None:
    turn = await turn_of(cache, "quotes:other")
    assert turn is not None
    cache.put(TOPIC, {name: (SYSTEM_CLOCK.mono_ns() - ago_ns, value)}, turn=turn, keep_ns=keep_ns)
    await settled(cache)


async def settled(cache: SharedCache) -> None:
    if isinstance(cache, RedisCache):
        await eventually(lambda: not cache._sending)


async def held(cache: SharedCache, name: str = "quotes:a") -> bytes | None:
    kept = (await cache.look((name,), lock=name, young_ns=0, turn_ns=0)).kept[0]
    return None if kept is None else kept.value


async def test_what_one_put_the_other_reads_with_its_age(caches: tuple[SharedCache, SharedCache]) -> None:
    one, other = caches
    before_ns = SYSTEM_CLOCK.mono_ns()
    await put(one, b"value", ago_ns=5 * S)
    after_ns = SYSTEM_CLOCK.mono_ns()
    look = await other.look(("quotes:a", "quotes:b"), lock="a", young_ns=0, turn_ns=0)
    read_ns = SYSTEM_CLOCK.mono_ns()
    kept = look.kept[0]
    assert kept is not None
    assert look.kept[1] is None
    assert kept.value == b"value"
    # Never younger than it is; older by the ways to the server and back at most.
    assert before_ns - 5 * S - (read_ns - before_ns) <= kept.mono_ns <= after_ns - 5 * S


async def test_one_has_the_turn_until_it_puts_or_gives_up(caches: tuple[SharedCache, SharedCache]) -> None:
    one, other = caches
    turn = await turn_of(one, "quotes:a")
    assert turn is not None
    assert await turn_of(other, "quotes:a") is None
    assert await turn_of(one, "quotes:a") is None
    one.give_up(turn)
    await settled(one)
    turn = await turn_of(other, "quotes:a")
    assert turn is not None
    other.put(TOPIC, {"quotes:a": (SYSTEM_CLOCK.mono_ns(), b"value")}, turn=turn, keep_ns=60 * S)
    await settled(other)
    assert await turn_of(one, "quotes:a") is None, "it is young"
    assert await turn_of(one, "quotes:a", "quotes:b") is not None, "the other of the two is not there"


async def test_turn_ends_by_itself_and_cannot_end_the_next_ones(caches: tuple[SharedCache, SharedCache]) -> None:
    one, other = caches
    late = await turn_of(one, "quotes:a", turn_ns=1 * MS)
    assert late is not None
    await asyncio.sleep(0.01)
    assert await turn_of(other, "quotes:a") is not None
    one.give_up(late)
    await settled(one)
    assert await turn_of(one, "quotes:a") is None


async def test_older_value_replaces_no_newer_one(caches: tuple[SharedCache, SharedCache]) -> None:
    one, other = caches
    await put(one, b"newer")
    await put(other, b"older", ago_ns=1 * S)
    assert await held(one) == b"newer"
    await put(other, b"newest")
    assert await held(one) == b"newest"


async def test_value_runs_out_from_when_it_was_true(caches: tuple[SharedCache, SharedCache]) -> None:
    one, other = caches
    await put(one, b"gone", ago_ns=60 * S)
    assert await held(other) is None
    await put(one, b"soon", ago_ns=60 * S - 20 * MS)
    await asyncio.sleep(0.05)
    assert await held(other) is None


async def test_news_are_what_was_put_since_the_last_look(caches: tuple[SharedCache, SharedCache]) -> None:
    one, other = caches
    await put(one, b"1", name="quotes:a")
    await put(one, b"2", name="quotes:b")
    assert [kept.value for kept in (await other.news(TOPIC)).kept] == [b"1", b"2"]
    assert (await other.news(TOPIC)).kept == ()
    await put(one, b"3", name="quotes:a")
    assert [kept.value for kept in (await other.news(TOPIC)).kept] == [b"3"]
    assert (await other.news("another")).kept == ()


async def test_together_they_take_no_more_than_comes(caches: tuple[SharedCache, SharedCache]) -> None:
    token_ns, burst_count = 10 * MS, 3
    began_ns = SYSTEM_CLOCK.mono_ns()
    counts, waits = [0, 0], []

    async def take(which: int) -> None:
        while SYSTEM_CLOCK.mono_ns() < began_ns + 3 * S:
            count = 1 + (counts[which] % 2)
            taken = await caches[which].take(BUCKET, count, token_ns=token_ns, burst_count=burst_count)
            assert taken is not None
            assert 0 <= taken.credit_ns <= burst_count * token_ns
            counts[which] += count if taken.wait_ns == 0 else 0
            waits.append(taken.wait_ns)
            await asyncio.sleep(0)

    await asyncio.gather(take(0), take(0), take(1), take(1))
    passed_ns = SYSTEM_CLOCK.mono_ns() - began_ns
    # It is empty at first, and gives nothing for two seconds.
    assert 0 < sum(counts) <= burst_count + (passed_ns - 2 * S) // token_ns + 1
    assert max(waits) <= 2 * S + 2 * token_ns


async def test_nobody_takes_while_one_was_told_to_stay_away(caches: tuple[SharedCache, SharedCache]) -> None:
    one, other = caches
    await one.take(BUCKET, 1, token_ns=1 * MS, burst_count=2)
    one.pause(BUCKET, 3600 * S)
    await settled(one)
    taken = await other.take(BUCKET, 1, token_ns=1 * MS, burst_count=2)
    assert taken is not None
    assert 3500 * S < taken.paused_ns <= taken.wait_ns <= 3600 * S


async def test_many_news_come_in_parts_and_none_is_left_out(redis: RedisServer) -> None:
    async with opened(redis) as one, opened(redis) as other:
        turn = await turn_of(one, "quotes:x")
        assert turn is not None
        now_ns = SYSTEM_CLOCK.mono_ns()
        for part in range(30):
            values = {f"quotes:{part}.{one_}": (now_ns, b"%d.%d" % (part, one_)) for one_ in range(20)}
            one.put(TOPIC, values, turn=turn, keep_ns=60 * S)
        await settled(one)
        seen, has_more = set(), True
        while has_more:
            news = await other.news(TOPIC)
            seen |= {kept.value for kept in news.kept}
            has_more = news.has_more
        assert len(seen) == 600


async def test_everything_there_has_a_prefix_and_runs_out(redis: RedisServer) -> None:
    async with opened(redis, redis_prefix="mine") as one:
        await put(one, b"value")
        await turn_of(one, "quotes:a", "quotes:b")
        await one.take(BUCKET, 1, token_ns=S, burst_count=2)
        names = redis.keys()
        assert sorted(name.removeprefix("mine:1:").partition(":")[0] for name in names) == sorted(
            ["bucket", "lock", "probe", "quotes", "quotes", "sharers"]
        )
        assert all(name.startswith("mine:1:") for name in names)
        assert all(redis.ask("PTTL", name)[:2] not in (b":-", b":0") for name in names)
        assert one.sharer_count(BUCKET) == 1
        async with opened(redis, redis_prefix="mine") as other, opened(redis, redis_prefix="another") as apart:
            await one.beat()
            assert [cache.sharer_count(BUCKET) for cache in (one, other, apart)] == [2, 2, 1]


@pytest.mark.parametrize("kind", ["LPUSH", "SET"])
async def test_what_is_not_ours_under_a_key_is_left_and_done_without(redis: RedisServer, kind: str) -> None:
    names = ("quotes:a", "lock:quotes:a", "bucket:jupiter:1", "sharers:jupiter:1", "quotes:news")
    for name in names:
        redis.ask(kind, f"solquote:1:{name}", "rubbish")
    async with opened(redis) as one:
        look = await one.look(("quotes:a",), lock="quotes:a", young_ns=60 * S, turn_ns=S)
        assert look.kept == (None,)
        turn = look.turn
        assert turn is not None, "nobody of ours holds it"
        assert turn.token == ""
        assert await one.take(BUCKET, 1, token_ns=S, burst_count=2) is None
        assert (await one.news(TOPIC)).kept == ()
        assert one.sharer_count(BUCKET) == 1
        one.pause(BUCKET, S)
        one.put(TOPIC, {"quotes:a": (SYSTEM_CLOCK.mono_ns(), b"value")}, turn=turn, keep_ns=60 * S)
        await settled(one)
        one.give_up(turn)
        await settled(one)
        assert one.is_up
        assert one.counts.foreign_count >= 4
    for name in names:
        type_ = redis.ask("TYPE", f"solquote:1:{name}")
        # A string where we keep strings is ours, whatever it says.
        assert type_ == (b"+list\r\n" if kind == "LPUSH" else b"+string\r\n")


@pytest.mark.parametrize("rubbish", ["nan", "inf", "-inf", "1e400", "", "9" * 300, "0x10", "-1", "9007199254740993"])
async def test_bucket_of_rubbish_gives_no_more_than_one_that_is_full(redis: RedisServer, rubbish: str) -> None:
    redis.ask("HSET", "solquote:1:bucket:jupiter:1", "from", rubbish, "until", rubbish)
    async with opened(redis) as one:
        taken = [await one.take(BUCKET, 1, token_ns=3600 * S, burst_count=2) for _ in range(3)]
        assert all(one_ is not None and one_.credit_ns <= 2 * 3600 * S for one_ in taken)
        assert sum(one_ is not None and one_.wait_ns == 0 for one_ in taken) <= 2
        assert one.is_up


@pytest.mark.parametrize(
    "rubbish",
    ["", "|", "|value", "x|value", "-1|value", "1e3|value", "9" * 17 + "|value", "9007199254740991|value", "1|"],
)
async def test_value_without_a_moment_in_the_past_is_none(redis: RedisServer, rubbish: str) -> None:
    redis.ask("SET", "solquote:1:quotes:a", rubbish)
    async with opened(redis) as one:
        assert await held(one) is None
        assert await turn_of(one, "quotes:a") is not None
        assert one.counts.foreign_count == 2
        await put(one, b"value")
        assert await held(one) == b"value"


async def goes_on_by_itself(cache: RedisCache) -> None:
    """In what it answers, and without waiting."""
    assert not cache.is_shared
    look = await cache.look(("quotes:a",), lock="a", young_ns=S, turn_ns=S)
    assert look.kept == (None,)
    assert look.turn == Turn("a", "", None)
    assert await cache.take(BUCKET, 1, token_ns=S, burst_count=2) is None
    assert (await cache.news(TOPIC)).kept == ()
    cache.put(TOPIC, {"quotes:a": (0, b"")}, turn=look.turn, keep_ns=S)
    cache.give_up(look.turn)
    cache.pause(BUCKET, S)
    assert not cache._sending


async def test_killed_redis_is_done_without_and_found_again(redis: RedisServer) -> None:
    async with opened(redis) as one:
        await put(one, b"value")
        redis.kill()
        assert await held(one) is None
        await goes_on_by_itself(one)
        await one.beat()
        assert not one.is_up
        assert "Connect" in one.why_down
        redis.start()
        await until_used(one)
        assert await held(one) is None, "it has forgotten everything"
        await put(one, b"value")
        assert await held(one) == b"value"
        assert one.counts.lost_count == 1


async def test_hanging_redis_costs_one_time_out(redis: RedisServer) -> None:
    async with opened(redis, redis_timeout="50ms") as one:
        await put(one, b"value")
        redis.hang()
        assert await held(one) is None
        assert one.why_down == "no answer within 50 ms"
        await goes_on_by_itself(one)
        await one.beat()
        assert one.why_down == "no answer within 1000 ms"
        redis.go_on()
        await until_used(one)
    async with opened(redis) as one:
        assert await held(one) == b"value"


async def test_full_redis_is_done_without_until_there_is_room(redis: RedisServer) -> None:
    async with opened(redis) as one:
        redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        redis.ask("CONFIG", "SET", "maxmemory", "1")
        assert await one.take(BUCKET, 1, token_ns=S, burst_count=2) is None
        assert "maxmemory" in one.why_down
        await goes_on_by_itself(one)
        await one.beat()
        assert not one.is_up, "it answers, and takes nothing"
        redis.ask("CONFIG", "SET", "maxmemory", "0")
        await until_used(one)
        assert await one.take(BUCKET, 1, token_ns=S, burst_count=2) is not None


async def test_clock_that_is_set_back_makes_no_value_younger(tmp_path: Path) -> None:
    clocks = WallClocks(tmp_path)
    with redis_running(environ=clocks.environ) as server:
        async with opened(server) as one, opened(server) as other:
            assert server.process is not None
            clocks.step(server.process.pid, 40)
            await eventually(lambda: _seconds_ahead(server) > 30)
            await put(one, b"value")
            await other.beat()
            assert await held(other) == b"value"
            await asyncio.sleep(0)
            clocks.step(server.process.pid, 39)
            await eventually(lambda: _seconds_ahead(server) < 39.5)
            assert await held(other) is None
            await put(one, b"new")
            assert await held(other) is None, "it cannot be told from what was there before"
            assert other.is_up
            assert await other.take(BUCKET, 1, token_ns=S, burst_count=2) is not None


async def test_user_of_the_documents_may_do_what_is_done_and_nothing_else(redis: RedisServer) -> None:
    document = (Path(__file__).parents[2] / "docs" / "shared-cache.md").read_text()
    (line,) = re.findall(r"^ACL SETUSER (.+)$", document, re.MULTILINE)
    words = [word.replace("PASSWORD", PASSWORD) for word in line.split()]
    assert redis.ask("ACL", "SETUSER", *words) == b"+OK\r\n"
    async with opened(redis, redis_url=redis.url.replace("//:", f"//{words[0]}:")) as one:
        await put(one, b"value")
        assert await held(one) == b"value"
        assert [kept.value for kept in (await one.news(TOPIC)).kept] == [b"value"]
        turn = await turn_of(one, "quotes:b")
        assert turn is not None
        one.give_up(turn)
        assert await one.take(BUCKET, 1, token_ns=S, burst_count=2) is not None
        one.pause(BUCKET, S)
        await settled(one)
        assert (one.counts.lost_count, one.counts.foreign_count) == (0, 0)
    async with opened(redis) as other:
        assert await held(other) == b"value"
        assert await turn_of(other, "quotes:b") is not None, "it was given up"
    settings = PlatformSettings.model_validate(
        {"redis_url": redis.url.replace("//:", f"//{words[0]}:"), "redis_timeout": "1s", "redis_prefix": "another"}
    )
    async with open_shared_cache(settings, buckets=(), value_keep_ns=S, clock=SYSTEM_CLOCK) as refused:
        assert refused.redis is not None
        await refused.redis.beat()
        assert not refused.redis.is_up


async def test_answer_to_one_who_gave_up_is_nobody_elses(redis: RedisServer) -> None:
    """Callers have deadlines of their own, and end in the middle of an exchange."""
    async with opened(redis) as one:
        for number in range(20):
            await put(one, b"%d" % number, name=f"quotes:{number}")
        spread = random.Random(5)
        for _ in range(20):
            asking = {number: asyncio.create_task(held(one, f"quotes:{number}")) for number in range(20)}
            given_up = spread.sample(range(20), 5)
            for number in given_up:
                for _ in range(spread.randrange(4)):
                    await asyncio.sleep(0)
                asking[number].cancel()
            told = await asyncio.gather(*asking.values(), return_exceptions=True)
            for number, value in zip(asking, told, strict=True):
                assert value == b"%d" % number or number in given_up
        assert one.counts.lost_count == 0


def _seconds_ahead(server: RedisServer) -> float:
    seconds = int(server.ask("TIME").split(b"\r\n")[2])
    micros = int(server.ask("TIME").split(b"\r\n")[4])
    return seconds + micros / 1e6 - SYSTEM_CLOCK.unix_ns() / 1e9


@pytest.mark.parametrize(
    "answer",
    [
        b"+OK\r\n",
        b"$-1\r\n",
        b":5\r\n",
        b"*0\r\n",
        b"*1\r\n:5\r\n",
        b"*2\r\n$1\r\nx\r\n:1\r\n",
        b"*2\r\n:-5\r\n:1\r\n",
        b"*2\r\n:99999999999999999999999\r\n:1\r\n",
        b"*2\r\n:5\r\n*1\r\n*1\r\n:1\r\n",
        b"*2\r\n:5\r\n*2\r\n:1\r\n:1\r\n",
        b"*2\r\n:5\r\n*1\r\n:-1\r\n",
        b":abc\r\n",
        b"*1\r\n" * 5000,
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\xff\xfe\x00\r\n",
        b"-OOM \xff\xfe\x1b[31m command not allowed\r\n",
        b"",
    ],
)
async def test_whatever_else_listens_there_is_no_shared_cache(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await reader.read(65536):
                writer.write(answer)
                if not answer:
                    break
        writer.close()

    port = free_port()
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    settings = PlatformSettings.model_validate({"redis_url": f"redis://127.0.0.1:{port}", "redis_timeout": "1s"})
    async with server, open_shared_cache(settings, buckets=(BUCKET,), value_keep_ns=S, clock=SYSTEM_CLOCK) as one:
        assert one.redis is not None
        for _ in range(2):
            await one.redis.beat()
            assert not one.redis.is_up
            assert one.redis.why_down
            assert one.redis.why_down.isprintable()
        await goes_on_by_itself(one.redis)


async def test_tls_user_and_password_file(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    issued = authority.issue("redis")
    port = free_port()
    tls: tuple[str, ...] = ("--tls-port", str(port), "--tls-cert-file", str(issued.certificate))
    tls += ("--tls-key-file", str(issued.key), "--tls-ca-cert-file", str(authority.path), "--tls-auth-clients", "no")
    with redis_running(*tls) as server:
        secret = tmp_path / "redis.secret"
        secret.write_text(f"{PASSWORD}\n")
        secret.chmod(0o600)
        platform: dict[str, Any] = {"redis_password_file": secret, "redis_tls_ca": authority.path}
        async with opened(server, redis_url=f"rediss://default@127.0.0.1:{port}/1", **platform) as one:
            await put(one, b"value")
            assert await held(one) == b"value"
        for wrong in ({"redis_tls_ca": None}, {"redis_password_file": None}):
            settings = PlatformSettings.model_validate(
                {"redis_url": f"rediss://127.0.0.1:{port}", "redis_timeout": "1s", **platform, **wrong}
            )
            async with open_shared_cache(settings, buckets=(), value_keep_ns=S, clock=SYSTEM_CLOCK) as refused:
                assert refused.redis is not None
                await refused.redis.beat()
                assert not refused.redis.is_up
                assert PASSWORD not in refused.redis.why_down
        secret.chmod(0o604)
        with pytest.raises(SettingsError, match="may be read by everybody"):
            async with open_shared_cache(
                settings.model_copy(update=platform), buckets=(), value_keep_ns=S, clock=SYSTEM_CLOCK
            ):
                pass
