import structlog.testing

from quote_core.hangup import heeding_hangup, hung_up


def test_who_heeds_is_called_while_it_does_and_without_anybody_a_line_says_so():
    heard: list[str] = []
    with structlog.testing.capture_logs() as lines:
        with heeding_hangup(lambda: heard.append("one")), heeding_hangup(lambda: heard.append("two")):
            hung_up()
        hung_up()
    assert heard == ["one", "two"]
    assert [line["event"] for line in lines] == ["SIGHUP: nothing here is read again while it runs"]
