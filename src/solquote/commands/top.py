"""`solquote top`: the web page's overview in a terminal, live."""

import contextlib
import os
import select
import sys
from collections.abc import Iterator
from typing import Annotated, Final

import typer
from rich.console import Console, RenderableType
from rich.live import Live

from aggregator.settings import AggregatorSettings
from quote_core.access.calling import caller_of
from quote_core.addresses import dialled, host_of
from quote_core.clock import SYSTEM_CLOCK
from quote_core.json_dialect import Verbatim, json_text
from quote_core.running.data_folder import running_platform
from quote_core.settings import PlatformSettings
from quote_core.units import NS_PER_MS
from solquote.commands.options import DataDir, Json, Timeout, found_environment
from solquote.output import make_console, redraws, with_status
from solquote.overview import is_whole, overview
from solquote.page_stream import TOPICS, PageAway, PageFollower, PageView

__all__ = ["top"]

_DRAW_EVERY_S: Final = 0.5
_END_KEYS: Final = (b"q", b"Q")


def top(
    *,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end; a pipe gets no more anyway")] = False,
    timeout: Timeout = 5.0,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Show the web page's overview live, until q or Ctrl-C; JSON gets one frame, a topic a line."""
    environ = found_environment(data_dir)
    platform = PlatformSettings.load(environ=environ)
    host = dialled(host_of(f"//{platform.aggregator_address}"))
    port = AggregatorSettings.load(environ=environ).http_port
    follower = PageFollower(host, port, clock=SYSTEM_CLOCK, caller=caller_of(platform))
    console = make_console()
    try:
        with follower.following(timeout_s=timeout):
            if as_json:
                _print_json(_first_frame(follower, timeout))
            elif once or not redraws(console):
                console.print(_frame(_first_frame(follower, timeout), console, is_cut=False))
            else:
                _live(follower, console)
    except PageAway as away:
        sentence = str(away)
        if away.is_off:
            sentence += "; `solquote status` and `solquote watch` do without it"
        elif running_platform(platform.data_folder()) is None:
            sentence += (
                f", and no platform runs with the data folder {platform.data_folder()}; `solquote up` starts one"
            )
        raise with_status("UNAVAILABLE", sentence) from None


def _first_frame(follower: PageFollower, timeout_s: float) -> PageView:
    """The first that has everything, or what has come within `timeout_s`."""
    with follower.news:
        follower.news.wait_for(lambda: is_whole(follower.view) or follower.view.trouble, timeout_s)
        return follower.view


def _print_json(view: PageView) -> None:
    for name in TOPICS:
        if name in view.topics:
            age_ms = view.age_ns(name, now_mono_ns=SYSTEM_CLOCK.mono_ns()) // NS_PER_MS
            sys.stdout.write(
                json_text({"topic": name, "age_ms": age_ms, "content": Verbatim(view.content(name))}) + "\n"
            )


def _frame(view: PageView, console: Console, *, is_cut: bool) -> RenderableType:
    try:
        return overview(
            view,
            now_mono_ns=SYSTEM_CLOCK.mono_ns(),
            now_unix_ns=SYSTEM_CLOCK.unix_ns(),
            width=console.width,
            height=console.height if is_cut else None,
        )
    except (KeyError, TypeError, ValueError):
        sentence = "the aggregator's page has other topics than this `solquote` knows; is it of another version?"
        raise with_status("DATA_LOSS", sentence) from None


def _live(follower: PageFollower, console: Console) -> None:
    with _keys() as keyboard, Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            live.update(_frame(follower.view, console, is_cut=True), refresh=True)
            if _is_ended(keyboard):
                raise KeyboardInterrupt


@contextlib.contextmanager
def _keys() -> Iterator[int | None]:
    """Standard input key by key, as long as the context lasts; `None` where it is no terminal."""
    if not sys.stdin.isatty():
        yield None
        return
    import termios  # noqa: PLC0415  # for a terminal only
    import tty  # noqa: PLC0415  # the same

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _is_ended(keyboard: int | None) -> bool:
    """Wait until the next frame; whether somebody wants no more."""
    wanted = [] if keyboard is None else [keyboard]
    if not select.select(wanted, [], [], _DRAW_EVERY_S)[0]:
        return False
    typed = os.read(keyboard or 0, 1)
    return typed in _END_KEYS or not typed
