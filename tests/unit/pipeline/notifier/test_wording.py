"""How alerts are put into words."""

from dataclasses import replace

import pytest
from fakes.alerts import NOW_NS, alert, notice
from hypothesis import given
from hypothesis import strategies as st

from pipeline.notifier.alert import TEXT_CHARS_MAX, TITLE_CHARS_MAX, Ending, Level
from pipeline.notifier.wording import Wording, check_template, shortened, units


def test_the_built_in_words():
    one = alert(17, count=3)
    message = Wording("desk").message([one, alert(18)])
    assert message.title == "[critical] Trading is HALTED: drawdown and 1 more (desk)"
    assert message.parts[1].endswith("seen once.")
    assert message.parts[0] == (
        "#17 critical, open: Trading is HALTED: drawdown\nBy rule drawdown: equity fell\n"
        "Since 2023-11-14 22:13:20 UTC, seen 3 times."
    )


def test_who_acknowledged_how_often_it_was_told_and_the_end_are_said():
    wording = Wording("desk")
    assert "escalated" in wording.message([alert(escalation_count=2)]).parts[0]
    assert "told again, time 2." in wording.message([alert(escalation_count=2)]).parts[0]
    assert "Acknowledged by alice." in wording.message([alert(acknowledged_by="alice")]).parts[0]
    over = wording.message([alert(ended_unix_ns=NOW_NS, text="it is over")])
    assert over.title == "[critical] over: Trading is HALTED: drawdown (desk)"
    assert over.parts[0].splitlines()[1] == "it is over"


def test_templates_of_one_s_own():
    wording = Wording("desk", "$name!", "$number $$ $title")
    message = wording.message([alert(4)])
    assert (message.title, message.parts[0]) == ("desk!", "4 $ Trading is HALTED: drawdown")


@pytest.mark.parametrize(("template", "rule"), [("$nome", r"no field \$nome"), ("costs 5$", r"begins no field")])
def test_a_template_that_cannot_be_filled_in_is_refused(template: str, rule: str):
    with pytest.raises(ValueError, match=rule):
        Wording("desk", template)
    with pytest.raises(ValueError, match=rule):
        check_template(template, frozenset({"name"}))


def test_what_could_hide_or_turn_round_what_is_read_is_taken_out():
    bad = alert(title="a\u202eb\x00c\x1b[31m\ud800\r\nSubject: x", text="one\n\n\ttwo")
    message = Wording("desk").message([replace(bad, level=Level.WARNING)])
    assert message.title == "[critical] abc[31m Subject: x (desk)"
    assert "one\ntwo" in message.parts[0]


def test_where_a_template_leaves_nothing_to_be_said_it_is_the_title():
    message = Wording("", "$name$more", "$text").message([alert(title="HALTED", text="")])
    assert (message.title, message.parts) == ("HALTED", ("HALTED",))


@given(st.text(), st.text())
def test_a_notice_is_fit_to_be_shown_however_it_is_made(title: str, text: str):
    made = notice(title=title * 200, text=text * 2_000)
    assert (made.title + made.text).isprintable()
    assert (len(made.title) <= TITLE_CHARS_MAX, len(made.text) <= TEXT_CHARS_MAX) == (True, True)
    assert Ending(key="k", text=made.text, at_unix_ns=1).text == made.text


def test_a_text_too_long_says_where_the_rest_is():
    message = Wording("desk").message([alert(number, text="x" * 500) for number in range(20)], unsaid_count=7)
    text = message.text(4_096)
    assert units(text) <= 4_096
    assert text.endswith("... see `solquote alerts list`")
    assert message.text(100_000).endswith("... and 7 more: `solquote alerts list`")


@given(st.text(), st.integers(1, 30))
def test_a_shortened_text_fits_in_utf_16_and_is_a_beginning(text: str, room: int):
    short = shortened(text, room)
    assert units(short) <= room
    assert short == text or text.startswith(short[:-1])
