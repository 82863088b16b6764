"""What `solquote profile` costs a process, and whether it tells the truth of work in short bursts.

    python benchmarks/profiles.py [--seconds 3] [--rounds 3]

- A look for orders, once a second in every process, beside `os.stat` of a file that is not there: what it costs while
  nobody asks.
- An event loop that works for 1 ms and sleeps for 3: the share of that work in the profile, beside the share of the
  processor that the loop's thread took by the kernel's count; with the short turns of a profile, and with the
  interpreter's usual 5 ms. Floor: within a half of the truth.
- The processor time of the thread that looks: as often as for a profile that is ordered, and as often as for what is
  sent all the time (`SOLQUOTE_PROFILE_ENDPOINT`).
- How many bytes a window of 10 s takes to send, and what folding it costs.
"""

import sys

sys.path.pop(0)  # this file's folder, where other files are named like packages

import argparse
import asyncio
import contextlib
import os
import tempfile
import threading
import time
import timeit
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from quote_core.clock import SYSTEM_CLOCK
from quote_core.running.profile_orders import orders_waiting
from quote_core.settings import PlatformSettings
from quote_core.telemetry.stack_profile import SAMPLES_PER_S, StackProfile, as_json, sample_stacks, turns_in_short

BURST_S: Final = 0.001
PAUSE_S: Final = 0.003
OFF_MAX: Final = 1 / 2
LOOKS: Final = 5_000
SENT_SAMPLES_PER_S: Final[int] = PlatformSettings.model_fields["profile_samples_per_s"].default


@dataclass(frozen=True)
class Found:
    """One profile beside what the kernel counted."""

    told: float
    true: float
    looker: float
    """Share of a core."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    looks()
    found: dict[str, list[Found]] = {"short turns": [], "usual turns": [], "sent all the time": []}
    for _ in range(options.rounds):
        found["short turns"].append(asyncio.run(profiled(turns_in_short, options.seconds)))
        found["usual turns"].append(asyncio.run(profiled(contextlib.nullcontext, options.seconds)))
        sent = asyncio.run(profiled(turns_in_short, options.seconds, samples_per_s=SENT_SAMPLES_PER_S))
        found["sent all the time"].append(sent)
    for turns, rounds in found.items():
        told, true, looker = (median(getattr(one, name) for one in rounds) for name in ("told", "true", "looker"))
        print(
            f"{turns}: work is {told:5.1%} of the profile, {true:5.1%} by the kernel: {told / true:4.2f} x;"
            f" looking takes {looker:4.2%} of a core"
        )
    folding()
    off = median(abs(one.told / one.true - 1) for one in found["short turns"])
    print(f"with short turns off by {off:.0%}; floor {OFF_MAX:.0%}{', MISSED' if off > OFF_MAX else ''}")
    return 1 if off > OFF_MAX else 0


def looks() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, missing = Path(name), os.path.join(name, "profiles")  # what is timed is the call alone

        def stat() -> None:
            with contextlib.suppress(FileNotFoundError):
                os.stat(missing)  # the same

        look_s = min(timeit.repeat(lambda: list(orders_waiting(folder, process="a", pid=1)), number=LOOKS)) / LOOKS
        stat_s = min(timeit.repeat(stat, number=LOOKS)) / LOOKS
    print(f"a look while nothing is ordered: {look_s * 1e6:.1f} us a second, {look_s / stat_s:.1f} x os.stat")


def folding() -> None:
    """A window as a service has it: ten threads that wait, thirty frames deep."""
    ended, window = threading.Event(), StackProfile("a window")

    def deep(depth: int) -> None:
        if depth:
            deep(depth - 1)
        else:
            ended.wait()

    threads = [threading.Thread(target=deep, args=(30,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    tops = sys._current_frames()  # noqa: SLF001  # as the looker does
    for _ in range(10 * SENT_SAMPLES_PER_S):
        window.add(tops, {}, weight_ns=10**9 // SENT_SAMPLES_PER_S)
    del tops
    ended.set()
    fold_s = min(timeit.repeat(window.folded, number=10)) / 10
    as_json_s = min(timeit.repeat(lambda: as_json(window.document()), number=10)) / 10
    size = len(window.folded())
    ratio = as_json_s / fold_s
    print(
        f"a window of 10 s: {size:,} bytes, folded in {fold_s * 1e6:.0f} us; speedscope's JSON takes {ratio:.1f} x that"
    )


async def profiled(
    turns: Callable[[], AbstractContextManager[None]], seconds: float, *, samples_per_s: int = SAMPLES_PER_S
) -> Found:
    """The profile of a loop that works in bursts."""
    profile, looker_s = StackProfile("bursts"), 0.0

    def look() -> None:
        nonlocal looker_s
        with turns():
            sample_stacks(
                profile,
                seconds=seconds,
                clock=SYSTEM_CLOCK,
                call_off=threading.Event(),
                is_wanted=lambda: True,
                samples_per_s=samples_per_s,
            )
        looker_s = time.thread_time()

    looker = threading.Thread(target=look)
    before_s, began_s = time.thread_time(), time.monotonic()
    looker.start()
    while looker.is_alive():
        work()
        await asyncio.sleep(PAUSE_S)
    elapsed_s = time.monotonic() - began_s
    share = share_of(profile.document(), "work")
    return Found(told=share, true=(time.thread_time() - before_s) / elapsed_s, looker=looker_s / elapsed_s)


def work() -> None:
    until_s = time.thread_time() + BURST_S
    while time.thread_time() < until_s:
        pass


def share_of(document: dict[str, Any], function: str) -> float:
    """How much of the main thread's time one function was on its stack."""
    names = [frame["name"].rpartition(".")[2] for frame in document["shared"]["frames"]]
    loop = document["profiles"][0]
    weighed = zip(loop["samples"], loop["weights"], strict=True)
    found_s = sum(weight_s for stack, weight_s in weighed if any(names[index] == function for index in stack))
    return float(found_s / sum(loop["weights"]))


if __name__ == "__main__":
    sys.exit(main())
