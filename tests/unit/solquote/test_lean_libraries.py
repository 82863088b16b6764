import subprocess
import sys

import pytest


def run(*lines: str) -> None:
    code = "; ".join(["import sys", "from solquote.lean_libraries import load_bus_libraries", *lines])
    subprocess.run([sys.executable, "-c", code], check=True)


def test_they_are_loaded_without_what_they_do_not_need_and_who_needs_that_gets_it() -> None:
    run(
        "load_bus_libraries()",
        "load_bus_libraries()",
        "assert {'nats.aio.client', 'structlog'} <= set(sys.modules)",
        "assert not {'aiohttp', 'rich', 'colorama'} & set(sys.modules)",
        "import aiohttp, rich.console",
        "aiohttp.ClientSession, rich.console.Console",
        "load_bus_libraries()",
        "assert sys.modules['aiohttp'] is aiohttp",
    )


@pytest.mark.parametrize("name", ["rich", "aiohttp"])
def test_what_was_there_before_stays_the_same(name: str) -> None:
    run(
        f"import {name}",
        "load_bus_libraries()",
        f"assert sys.modules['{name}'] is {name}",
        "assert 'structlog' in sys.modules",
        "assert 'rich.traceback' not in sys.modules",
    )


def test_a_fault_is_told_in_words_all_the_same() -> None:
    """By the renderer for a terminal, which without the library for colours has a plain traceback."""
    run(
        "load_bus_libraries()",
        "import structlog",
        "text = structlog.dev.ConsoleRenderer(colors=True)(None, 'error', "
        "{'event': 'it broke', 'exc_info': ValueError('of this')})",
        "assert 'it broke' in text and 'ValueError: of this' in text",
    )
