"""The web page as people have it: the whole platform, and a real browser."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fakes.browser import chromium
from fakes.ports import free_port
from fakes.running_platform import RunningPlatform
from fakes.waiting import DEADLINE_S

from quote_core.clock import SYSTEM_CLOCK, moment
from quote_core.files import replace_file
from quote_core.running.status import STATUS_NAME, ProcessState, ProcessView, status_content
from solquote.supervisor.lock import take_data_folder

pytestmark = pytest.mark.integration

DEADLINE_MS = DEADLINE_S * 1_000
PROCESS_COUNT = 12
PHONE_WIDTH = 390


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def platform(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    with RunningPlatform(
        tmp_path_factory.mktemp("page"), environ={"SOLQUOTE_EXTERNAL_QUOTE_JUPITER_API_KEY": "k3y-of-mine"}
    ) as running:
        running.until_healthy()
        yield running


class Seen:
    """A page that is open, and whatever went wrong on it."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(**({"viewport": {"width": 1600, "height": 1000}} | options))
        self.context.set_default_timeout(DEADLINE_MS)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.add(urlsplit(request.url).netloc))
        self.page.goto(url)

    def until(self, expression: str, argument: Any = None) -> None:
        """Wait until a JavaScript expression, or a function of `argument`, is true."""
        # The page's policy lets nothing evaluate a text while it polls; a function is none.
        function = expression if expression.startswith("(") else f"() => {expression}"
        self.page.wait_for_function(function, arg=argument, timeout=DEADLINE_MS)

    def text(self, selector: str) -> str:
        text: str = self.page.locator(selector).inner_text()
        return text

    def until_text(self, selector: str, pattern: str) -> None:
        """Wait until the first element of this selector has a text that fits."""
        argument = [selector, pattern]
        self.until("([s, p]) => new RegExp(p).test(document.querySelector(s)?.innerText ?? '')", argument)

    def until_prices_move(self) -> None:
        """Wait until some bid is another one."""
        bids = "[...document.querySelectorAll('#quotes-rows td:nth-child(2)')].map((cell) => cell.innerText).join()"
        self.until(f"(before) => {bids} !== before", self.page.evaluate(bids))

    def findings(self, scope: str | None = None, **options: Any) -> list[str]:
        """What axe calls serious or critical."""
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing")
        answer = axe.Axe().run(self.page, context=scope, options={"resultTypes": ["violations"], **options}).response
        return [
            f"{found['id']}: {node['html'][:160]} {node['any'][:1]}"
            for found in answer["violations"]
            if found["impact"] in {"serious", "critical"}
            for node in found["nodes"]
        ]

    def close(self) -> None:
        self.context.close()


@pytest.fixture(scope="module")
def url(platform: RunningPlatform) -> str:
    return f"http://127.0.0.1:{platform.environment['SOLQUOTE_AGGREGATOR_HTTP_PORT']}/"


@pytest.fixture
def seen(browser: Any, url: str) -> Iterator[Seen]:
    page = Seen(browser, url)
    page.until_text("#vital-line", "live")
    yield page
    page.close()


def row_of(process: str) -> str:
    return f"#processes-rows tr:has(button:text-is('{process}'))"


PROCESS = """([process, pattern]) => [...document.querySelectorAll("#processes-rows tr")]
  .map((row) => [...row.cells].map((cell) => cell.innerText))
  .some(([name, ...cells]) => name === process && new RegExp(pattern).test(cells.join("|")))"""
"""Whether the row of a process, its cells with bars between them, fits a pattern."""


def test_everything_arrives_and_moves(seen: Seen) -> None:
    seen.until_text("#quotes-rows td:nth-child(2)", r"^\d+\.\d+$")
    seen.until_text("#pools-rows td:nth-child(5)", r"^\d+\.\d+$")
    seen.until_text("#vital-processes", f"^{PROCESS_COUNT} / {PROCESS_COUNT} healthy$")
    seen.until_text("#vital-bus", "^connected$")
    seen.until_text("#switch-state", "^Trading active$")
    seen.until_text("#opportunities-rows th", "^SOL/")
    seen.until_text("#plans-rows th", "^SOL/")
    seen.until_text("#trades-rows th", "^SOL/")
    seen.until_text("#rejected-rows th", r"^\w+")
    seen.until_text("#vital-profit", r"SOL$")
    seen.until("document.querySelector('#curve .line').getAttribute('d') !== ''")
    seen.until("document.querySelector('#quotes-rows .spark .line').getAttribute('points').split(' ').length > 2")
    seen.until_prices_move()
    seen.page.locator(row_of("local_quote")).get_by_role("button").click()
    seen.until_text("#log-title", "^Log of local_quote$")
    seen.until_text("#log-lines b", r"^\w+")
    assert seen.asked == {urlsplit(seen.url).netloc}
    assert seen.complaints == []


def test_settings_are_shown_and_no_secret_is(seen: Seen) -> None:
    seen.page.locator("#settings-find").fill("jupiter_api_key")
    seen.until_text("#settings-rows tr:not(.empty) td", r"^\(secret, set\)$")
    seen.page.locator("#settings-find").fill("nats_url")
    seen.until_text("#settings-rows tr:not(.empty) td", r"^nats://127\.0\.0\.1:\d+$")
    assert "k3y-of-mine" not in seen.page.content()


COLOURS = "color-contrast"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_keeps_anybody_from_using_it(browser: Any, url: str, scheme: str) -> None:
    seen = Seen(browser, url, color_scheme=scheme)
    seen.until_text("#trades-rows th", "^SOL/")
    seen.until_text("#vital-processes", "healthy$")
    of_it = {} if scheme == "light" else {"runOnly": [COLOURS]}  # all the rest is the same
    assert seen.findings(**of_it) == []
    seen.page.locator("#switch-open").click()
    assert seen.findings("#dialog", **of_it) == []
    assert seen.complaints == []
    seen.close()


@pytest.mark.parametrize(
    ("width", "height", "scale"),
    [(390, 844, 3), (800, 500, 2), (320, 640, 2)],
    ids=["phone", "200 % zoom", "400 % zoom"],
)
def test_it_fits_a_phone_and_a_zoomed_window(browser: Any, url: str, width: int, height: int, scale: int) -> None:
    seen = Seen(browser, url, viewport={"width": width, "height": height}, device_scale_factor=scale)
    seen.until_text("#quotes-rows td:nth-child(2)", r"^\d+\.\d+$")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.page.locator("#switch-open").is_visible()
    box = seen.page.locator("#switch-open").bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= width
    if width == PHONE_WIDTH:
        assert seen.findings(rules={COLOURS: {"enabled": False}}) == []
    seen.close()


def test_nothing_moves_while_it_lives(seen: Seen) -> None:
    seen.until_text("#trades-rows th", "^SOL/")
    seen.until_text("#vital-profit", r"SOL$")
    shifts = seen.page.evaluate(
        """() => new Promise((done) => {
          const seen = [];
          new PerformanceObserver((list) => seen.push(...list.getEntries().map((entry) => entry.value)))
            .observe({ type: "layout-shift", buffered: false });
          const before = document.querySelector("#vital-clock").innerText;
          let changes = 0;
          new MutationObserver(() => ++changes >= 3 && done(seen))
            .observe(document.querySelector("#vital-clock"), { childList: true, characterData: true, subtree: true });
        })"""
    )
    assert sum(shifts) < 0.01


def test_the_switch_is_moved_by_keyboard_after_a_second_confirmation(seen: Seen, platform: RunningPlatform) -> None:
    token = Path(platform.data_dir / "kill-switch.token").read_text(encoding="ascii").strip()
    press = seen.page.keyboard.press
    seen.until_text("#switch-state", "^Trading active$")
    press("Tab")
    assert seen.page.evaluate("document.activeElement.className") == "skip"
    press("Tab")
    assert seen.page.evaluate("document.activeElement.id") == "switch-open"
    press("Enter")
    assert seen.page.evaluate("document.activeElement.value") == "HALTED"
    press("Tab")
    seen.page.keyboard.type("a drill")
    press("Tab")
    seen.page.keyboard.type("alice")
    press("Tab")
    seen.page.keyboard.type("not the token")
    press("Enter")
    assert seen.text("#dialog-summary") == "Halt trading: a drill?"
    assert seen.text("#switch-state") == "Trading active"
    press("Enter")
    seen.until_text("#dialog-answer", "valid Bearer token is required")
    assert seen.text("#switch-state") == "Trading active"
    seen.page.locator("#dialog-back").click()
    assert seen.page.evaluate("document.activeElement.id") == "dialog-token"
    press("Control+A")
    seen.page.keyboard.type(token)
    press("Enter")
    press("Enter")
    seen.until_text("#switch-state", "^Trading halted$")
    seen.until_text("#switch-why", "a drill, by person alice")
    seen.until("document.querySelector('#assertive').textContent.includes('Trading halted: a drill')")
    assert not seen.page.locator("#dialog").is_visible()
    assert seen.page.locator("#dialog-token").input_value() == ""
    assert seen.page.evaluate("document.activeElement.id") == "switch-open"
    assert seen.page.title() == "HALTED · solquote"
    press("Enter")
    assert seen.page.evaluate("document.activeElement.value") == "ACTIVE"
    seen.page.locator("#dialog-token").fill(token)
    press("Enter")
    assert seen.text("#dialog-summary") == "Release trading?"
    press("Escape")
    assert seen.text("#switch-state") == "Trading halted"
    press("Enter")
    seen.page.locator("#dialog-token").fill(token)
    press("Enter")
    press("Enter")
    seen.until_text("#switch-state", "^Trading active$")
    assert [one for one in seen.complaints if "401" not in one] == []
    logs = "".join(path.read_text(errors="replace") for path in (platform.data_dir / "logs").glob("*.log"))
    assert token not in logs
    assert "not the token" not in logs


REFUSED = {
    "error": "rules still trigger",
    "errorCode": "FAILED_PRECONDITION",
    "rules": [{"rule": "drawdown", "reason": "fell by <b>11 %"}, {"rule": "memory", "reason": "97 % used"}],
}


def test_a_release_that_rules_refuse_is_forced_by_their_names_after_another_confirmation(seen: Seen) -> None:
    """What the manager would answer is answered here: `test_page_http` has what passes between the two."""
    posted: list[dict[str, Any]] = []

    def answer(route: Any) -> None:
        posted.append(route.request.post_data_json)
        if posted[-1].get("force") == ["drawdown", "memory"]:
            active = {"state": "ACTIVE", "reason": "released, forcing drawdown, memory", "changedUnixNs": 10**18}
            route.fulfill(json=active)
        else:
            route.fulfill(status=409, json=REFUSED)

    seen.page.route("**/page/switch", answer)
    locate, press = seen.page.locator, seen.page.keyboard.press
    locate("#switch-open").click()
    locate("input[name=state][value=ACTIVE]").check()
    locate("#dialog-token").fill("a token")
    press("Enter")
    assert not locate("#dialog-force").is_visible()
    press("Enter")
    seen.until_text("#dialog-answer", "rules say stop")
    assert locate("#dialog-rules li").all_inner_texts() == ["drawdown: fell by <b>11 %", "memory: 97 % used"]
    assert seen.text("#dialog-summary") == "Release trading?"
    assert seen.page.evaluate("document.activeElement.id") == "dialog-cancel", "Enter forces nothing"
    assert seen.findings("#dialog", rules={COLOURS: {"enabled": False}}) == []
    locate("#dialog-next").click()
    seen.until("document.querySelector('#dialog-next').disabled === false")
    seen.until_text("#dialog-answer", "rules say stop")
    assert [one.get("force") for one in posted] == [None, None], "the same again names no rule"
    locate("#dialog-force").click()
    assert seen.text("#dialog-summary") == "Release trading, although drawdown, memory say stop?"
    assert (seen.text("#dialog-next"), len(posted)) == ("Release all the same", 2)
    locate("#dialog-back").click()
    assert not locate("#dialog-rules").is_visible()
    press("Enter")
    press("Enter")
    seen.until_text("#dialog-answer", "rules say stop")
    locate("#dialog-force").click()
    press("Enter")
    seen.until("!document.querySelector('#dialog').open")
    assert [one.get("force") for one in posted] == [None, None, None, ["drawdown", "memory"]]
    assert [one for one in seen.complaints if "409" not in one] == []


def test_a_process_that_dies_and_one_that_stands_still_are_told(seen: Seen, platform: RunningPlatform) -> None:
    seen.until(PROCESS, ["planner", "healthy"])
    restarts = int(seen.page.locator(row_of("planner")).locator("td").nth(3).inner_text())
    platform.kill("planner")
    seen.until(PROCESS, ["planner", rf"healthy\|\d+\|[^|]+\|{restarts + 1}\|"])
    seen.until("document.querySelector('#changes').innerText.includes('planner was restarted')")


def test_without_the_bus_quotes_go_on(seen: Seen, platform: RunningPlatform) -> None:
    seen.until_text("#vital-bus", "^connected$")
    pid = platform.pids()["nats_server"]
    os.kill(pid, signal.SIGSTOP)
    try:
        seen.until_text("#vital-bus", "^away$")
        seen.until("document.querySelector('#assertive').textContent.includes('the event bus is lost; quotes go on')")
        seen.until_prices_move()
        seen.until_text("#switch-state", "^Trading (unknown|halted)$")
    finally:
        os.kill(pid, signal.SIGCONT)
    seen.until_text("#vital-bus", "^connected$")
    seen.until_text("#switch-state", "^Trading active$")


def test_it_outlasts_a_restart_of_the_aggregator(seen: Seen, platform: RunningPlatform) -> None:
    old_pid = platform.pids()["aggregator"]
    platform.kill("aggregator")
    seen.until_text("#banner", "Connection lost: .* as of")
    seen.until("document.title.startsWith('UNKNOWN')")
    platform.until_back("aggregator", old_pid=old_pid, seconds=DEADLINE_S)
    seen.until_text("#vital-line", "^live$")
    seen.until("document.querySelector('#banner').hidden")
    seen.until("document.querySelector('#polite').textContent.includes('Connected again')")
    seen.until_prices_move()
    seen.until_text("#switch-state", "^Trading active$")
    unexpected = [one for one in seen.complaints if "ERR_" not in one]  # of the line that was cut
    assert unexpected == []


@pytest.fixture
def lone_aggregator(tmp_path: Path) -> Iterator[str]:
    """One started by itself, without neighbours; its page's address."""
    port = free_port()
    own = {
        "SOLQUOTE_DATA_DIR": str(tmp_path),
        "SOLQUOTE_SHM_DIR": str(tmp_path / "shm"),
        "SOLQUOTE_AGGREGATOR_HTTP_PORT": str(port),
        "SOLQUOTE_AGGREGATOR_GRPC_PORT": str(free_port()),
        "SOLQUOTE_AGGREGATOR_MANAGER_ADDRESS": f"127.0.0.1:{free_port()}",
        "SOLQUOTE_NATS_URL": f"nats://127.0.0.1:{free_port()}",
        "SOLQUOTE_LOCAL_QUOTE_ADDRESS": f"127.0.0.1:{free_port()}",
        "SOLQUOTE_EXTERNAL_QUOTE_ADDRESS": f"127.0.0.1:{free_port()}",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "aggregator"], env=os.environ | own, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert any(b"serving" in line for line in process.stderr)  # or it has ended
        yield f"http://127.0.0.1:{port}/"
        process.terminate()


def test_a_stopped_process_is_shown_as_stopped_and_no_supervisor_as_none(
    browser: Any, lone_aggregator: str, tmp_path: Path
) -> None:
    seen = Seen(browser, lone_aggregator)
    seen.until_text("#vital-processes", "^not supervised$")
    seen.until_text("#processes-note", "no supervisor runs with this data folder")
    seen.until_text("#vital-bus", "^away$")
    seen.until_text("#vital-quotes", "^0 / ")
    seen.until_text("#switch-state", "^Trading unknown$")

    def tell(state: ProcessState) -> None:
        views = [
            ProcessView(name="scanner", state=state, address="", status="984 rows"),
            ProcessView(name="aggregator", state=ProcessState.HEALTHY, address=""),
        ]
        replace_file(tmp_path / STATUS_NAME, status_content(views, now=moment(SYSTEM_CLOCK)))

    with take_data_folder(tmp_path, {}):
        tell(ProcessState.HEALTHY)
        seen.until(PROCESS, ["scanner", "^healthy"])
        tell(ProcessState.STOPPED)
        seen.until(PROCESS, ["scanner", "^stopped"])
        seen.until("document.querySelector('#assertive').textContent.includes('scanner is stopped, was healthy')")
        seen.until_text("#vital-processes", "^1 / 2 healthy$")
    seen.until_text("#vital-processes", "^not supervised$")
    assert seen.complaints == []
    seen.close()
