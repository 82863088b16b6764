"""The Swagger page in a real browser: every operation is there, a quote can be tried out, nobody else is asked."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from fakes.browser import chromium
from fakes.running_platform import RunningPlatform
from fakes.waiting import DEADLINE_S

from aggregator.openapi import openapi_document

pytestmark = pytest.mark.integration

DEADLINE_MS = DEADLINE_S * 1_000
QUOTE = "#operations-quotes-getQuote"


class Opened:
    """The page, who was asked for what, and whatever went wrong on it."""

    def __init__(self, browser: Any, url: str) -> None:
        self.page = browser.new_page()
        self.page.set_default_timeout(DEADLINE_MS)
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))
        self.page.goto(url)


@pytest.fixture(scope="module")
def opened(client_platform: RunningPlatform) -> Iterator[Opened]:
    http = client_platform.view("aggregator")["address"].rpartition(",")[2]
    with chromium() as browser:
        yield Opened(browser, f"http://127.0.0.1:{http}/swagger")


def test_it_shows_every_operation_of_the_document(opened: Opened) -> None:
    count = sum(len(methods) for methods in openapi_document("")["paths"].values())
    opened.page.wait_for_function("(count) => document.querySelectorAll('.opblock').length === count", arg=count)
    assert opened.page.locator(f"{QUOTE} .opblock-summary-path").inner_text().replace("\u200b", "") == "/v1/quote"


def test_a_quote_is_tried_out(opened: Opened) -> None:
    block = opened.page.locator(QUOTE)
    block.locator(".opblock-summary-control").click()
    block.locator("button.execute").click()
    answer = block.locator(".live-responses-table .response")
    answer.wait_for()
    assert answer.locator(".response-col_status").inner_text().split()[0] == "200"
    assert '"outAmount"' in answer.locator(".response-col_description").inner_text()


def test_nobody_else_is_asked_and_nothing_complains_with_everything_open(opened: Opened) -> None:
    for control in opened.page.locator(".opblock:not(.is-open) .opblock-summary-control").all()[::-1]:
        control.click()
    opened.page.locator("section.models button.models-control").click()
    opened.page.wait_for_function("() => !document.querySelector('.opblock:not(.is-open)')")
    assert opened.asked == {urlsplit(opened.page.url).netloc}
    assert opened.complaints == []
