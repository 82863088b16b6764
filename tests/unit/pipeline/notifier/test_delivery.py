"""One destination's deliveries, by a clock that only the test moves."""

from dataclasses import dataclass, field

import pytest
from fakes.alerts import notice, rules
from fakes.fake_clock import FakeClock

from pipeline.notifier.alert import Level
from pipeline.notifier.book import AlertBook
from pipeline.notifier.delivery import Delivery
from pipeline.notifier.destinations.base import MessageRefused
from pipeline.notifier.wording import Message, Wording
from quote_core.errors import ProviderUnavailable, RateLimited, UpstreamError


@dataclass
class FakeDestination:
    """Takes a message unless it is told to refuse."""

    name: str = "mail"
    refusals: list[UpstreamError] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    remark: str = ""
    hates: set[int] = field(default_factory=set)
    """Alerts it does not take, whatever comes with them."""

    async def send(self, message: Message) -> str:
        if self.hates & {one.number for one in message.alerts}:
            raise MessageRefused(self.name, "answered 400 invalid_payload")
        if self.refusals:
            raise self.refusals.pop(0)
        self.messages.append(message)
        return self.remark

    @property
    def numbers(self) -> list[list[int]]:
        return [[one.number for one in message.alerts] for message in self.messages]


class Told:
    """A delivery with all it rests on."""

    def __init__(self, *, is_quiet: bool = False, messages_per_minute: int = 3) -> None:
        self.clock = FakeClock()
        self.book = AlertBook(rules())
        self.destination = FakeDestination()
        self.delivery = Delivery(
            self.destination,
            book=self.book,
            wording=Wording("desk"),
            clock=self.clock,
            messages_per_minute=messages_per_minute,
            refusals_max=3,
            is_quiet=lambda _: is_quiet,
            on_told=lambda: None,
        )

    def happens(self, key: str, level: Level = Level.CRITICAL) -> None:
        self.book.take(notice(key, level=level), now_unix_ns=self.clock.unix_ns())


async def test_what_is_due_is_told_once():
    told = Told()
    assert await told.delivery.step() == 0
    told.happens("a")
    await told.delivery.step()
    await told.delivery.step()
    assert told.destination.numbers == [[1]]
    assert (told.delivery.sent_count, told.delivery.pending_count) == (1, 0)


async def test_a_destination_that_is_down_is_tried_after_growing_pauses_and_then_told_all():
    told = Told(messages_per_minute=600)
    told.destination.refusals = [ProviderUnavailable("mail", "answered 500")] * 12
    told.happens("a")
    pauses = [await told.delivery.step() for _ in range(12)]
    assert all(0.5 * 2**tried <= pause <= 2**tried for tried, pause in enumerate(pauses[:8]))
    assert all(150 <= pause <= 300 for pause in pauses[9:])
    assert told.delivery.detail() == "mail takes no message: answered 500"
    assert (told.delivery.failure_count, told.delivery.pending_count) == (12, 1)
    told.clock.advance_ms(7_000)
    assert told.delivery.failing_ns == 7_000_000_000
    told.happens("b")
    assert await told.delivery.step() == 0
    assert told.destination.numbers == [[1, 2]]
    assert (told.delivery.detail(), told.delivery.failing_ns) == ("", 0)


async def test_one_that_asks_to_wait_is_left_alone_for_so_long_and_that_is_told():
    told = Told()
    told.destination.refusals = [RateLimited("mail", 20_000)]
    told.happens("a")
    for _ in range(3):
        assert await told.delivery.step() == 0
    told.clock.advance_ms(19_999)
    await told.delivery.step()
    assert (told.destination.messages, told.delivery.failure_count) == ([], 1)
    assert told.delivery.detail() == "mail takes no message: asks to wait 20 s"
    assert told.delivery.failing_ns == 19_999_000_000
    told.clock.advance_ms(1)
    await told.delivery.step()
    assert told.destination.numbers == [[1]]
    assert (told.delivery.detail(), told.delivery.failing_ns) == ("", 0)


async def test_an_alert_that_is_always_refused_is_set_aside_and_holds_up_no_other():
    told = Told(messages_per_minute=600)
    for key in ("good", "bad", "fine"):
        told.happens(key)
    told.destination.hates = {2}
    for _ in range(4):  # all together, then each by itself, the one that is refused once more
        await told.delivery.step()
    assert told.destination.numbers == [[1], [3]]
    assert (told.delivery.pending_count, told.delivery.undeliverable_count) == (1, 0)
    told.happens("news")
    await told.delivery.step()
    assert told.destination.numbers[2:] == [[4]], "what was never refused comes first"
    await told.delivery.step()
    assert (told.delivery.pending_count, told.delivery.undeliverable_count) == (0, 1)
    assert (told.delivery.detail(), told.delivery.failing_ns) == ("", 0)
    assert len(told.destination.messages) == 3


async def test_the_others_hear_what_was_set_aside_and_the_one_that_refused_does_not():
    told = Told(messages_per_minute=600)
    told.happens("bad")
    told.destination.hates = {1}
    for _ in range(3):
        await told.delivery.step()
    about = told.book.open_on("undeliverable:mail")
    assert about is not None
    assert (about.title, about.level) == ("mail does not take alert 1", Level.CRITICAL)
    assert about.text == "answered 400 invalid_payload, 3 times. It was: Trading is HALTED: drawdown"
    assert about.has_news_for("pager", Level.CRITICAL)
    assert not about.has_news_for("mail", Level.WARNING)


async def test_what_was_set_aside_is_tried_again_when_there_is_more_to_tell_of_it():
    told = Told(messages_per_minute=600)
    told.happens("bad")
    told.destination.hates = {1}
    for _ in range(3):
        await told.delivery.step()
    assert told.delivery.pending_count == 0
    told.destination.hates = set()
    told.book.take(notice("bad", variant="another"), now_unix_ns=told.clock.unix_ns())
    await told.delivery.step()
    assert told.destination.numbers == [[1]]


async def test_a_destination_that_takes_nothing_for_other_reasons_sets_nothing_aside():
    told = Told(messages_per_minute=600)
    told.happens("a")
    told.destination.refusals = [ProviderUnavailable("mail", "answered 403")] * 20
    for _ in range(20):
        await told.delivery.step()
    assert (told.delivery.pending_count, told.delivery.undeliverable_count) == (1, 0)


async def test_what_is_wrong_though_a_message_was_taken_is_said_until_one_is_taken_whole():
    told = Told()
    for key, remark in (("a", "1 of 2 recipients refused (550)"), ("b", "")):
        told.destination.remark = remark
        told.happens(key)
        await told.delivery.step()
        assert told.delivery.detail() == (f"mail: {remark}" if remark else "")
        assert told.delivery.failing_ns == 0
    assert told.destination.numbers == [[1], [2]]


async def test_what_is_over_the_rate_is_grouped_and_the_last_message_is_kept_for_what_is_critical():
    told = Told(messages_per_minute=3)
    for number in range(4):
        told.happens(f"warning {number}", Level.WARNING)
        told.clock.step_wall_ns(10_000_000_000)  # its group is whole, and no token comes back
        await told.delivery.step()
    assert told.destination.numbers == [[1], [2]]
    told.happens("critical")
    await told.delivery.step()
    assert told.destination.numbers == [[1], [2], [5, 3, 4]]
    told.happens("another critical")
    await told.delivery.step()
    assert len(told.destination.messages) == 3
    told.clock.advance_ms(20_000)
    await told.delivery.step()
    assert told.destination.numbers[3:] == [[6]]


async def test_more_than_a_message_holds_is_told_with_the_next():
    told = Told()
    for number in range(25):
        told.happens(f"key {number}")
    await told.delivery.step()
    assert told.destination.messages[0].unsaid_count == 5
    await told.delivery.step()
    assert [len(numbers) for numbers in told.destination.numbers] == [20, 5]


async def test_quiet_hours_hold_back_what_is_not_critical():
    told = Told(is_quiet=True)
    told.happens("a", Level.WARNING)
    told.clock.advance_ms(3_600_000)
    await told.delivery.step()
    assert told.destination.messages == []
    told.happens("b")
    await told.delivery.step()
    assert told.destination.numbers == [[2]]


@pytest.mark.parametrize("level", [Level.INFO, Level.WARNING])
def test_what_is_below_its_level_is_not_pending(level: Level):
    told = Told()
    told.happens("a", level)
    assert told.delivery.pending_count == (level is Level.WARNING)
