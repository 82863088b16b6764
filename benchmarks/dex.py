"""How fast pools are priced: the path from a changed pool to its quotes, both directions, one ladder each.

    python benchmarks/dex.py [--json]

Per DEX, on the recorded pools of tests/golden and in the same run: one `swap` at a time (the readable twin), a ladder
of 40 amounts both ways (the kernel), their ratio, and the time for each tick or bin crossed. The largest amount of a
concentrated pool's ladder crosses 20 ticks or bins, or as many as the recording holds.

The reference is what the official SDKs did in one Node process on a comparable machine; benchmarks/peers measures them
anew, on the same pool files. Floors: ladder quotes a second against the SDK, kernel at least 50 times the twin, a time
limit for the ladder. Exit 1 if a floor is missed.
"""

import argparse
import json
import sys
import time
from array import array
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode
from quote_core.dex.programs import decode_pool
from quote_core.dex.recorded import load_accounts, parse_recorded_pool
from quote_core.errors import MarketError
from quote_core.units import Pubkey

ROOT: Final = Path(__file__).parents[1]
POOLS: Final = ROOT / "tests" / "golden" / "pools"

RUNG_COUNT: Final = 40
CROSSED_WANTED: Final = 20
LARGEST_TO_SMALLEST: Final = 10_000
ROUND_S: Final = 0.05
ROUND_COUNT: Final = 7
KERNEL_OVER_TWIN_MIN: Final = 50


@dataclass(frozen=True)
class Subject:
    """One pool to price, and what is expected of it."""

    dex_label: str
    pool_file: str
    sdk_quotes_per_s: int
    over_sdk_min: int
    both_ways_us_max: float


SUBJECTS: Final = (
    Subject("raydium_amm_v4", "sol_usdc_58oQChx4", 28_000, 50, 5),
    Subject("raydium_cpmm", "sol_usdc_7JuwJuNU", 205_000, 10, 5),
    Subject("pumpswap", "pump_usdc_2uF4Xh61", 5_000, 50, 5),
    Subject("raydium_clmm", "sol_usdc_3ucNos4N_jul2026", 15_800, 50, 60),
    Subject("orca_whirlpool", "sol_usdc_ts4_Czfq3xZZ", 290, 1_000, 60),
    Subject("meteora_dlmm", "sol_usdc_bs4_5rCf1DM8", 14_100, 50, 60),
)


@dataclass(frozen=True)
class Measured:
    """The numbers of one subject."""

    dex_label: str
    swap_us: float
    both_ways_us: float
    twin_both_ways_us: float
    crossed: int
    ns_per_crossing: float | None
    sdk_quotes_per_s: int
    missed: tuple[str, ...]

    @property
    def ladder_quotes_per_s(self) -> float:
        """Quotes a second when priced by ladder, both directions."""
        return 2 * RUNG_COUNT / self.both_ways_us * 1e6

    @property
    def kernel_over_twin(self) -> float:
        """How many times faster than one readable swap after the other."""
        return self.twin_both_ways_us / self.both_ways_us

    @property
    def over_sdk(self) -> float:
        """How many times faster than the official SDK."""
        return self.ladder_quotes_per_s / self.sdk_quotes_per_s


def open_pool(subject: Subject) -> tuple[Pool, ChainClock]:
    path = POOLS / subject.dex_label / f"{subject.pool_file}.json"
    recorded = parse_recorded_pool(json.loads(path.read_bytes()), name=path.name)
    address = Pubkey(recorded.roles["pool"])
    pool = decode_pool(address, recorded.accounts[address])
    load_accounts(pool, recorded.accounts)
    return pool, ChainClock(slot=recorded.slot or 0, unix_timestamp=1_790_000_000, epoch=1000)


def seconds_per_call(call: Callable[[], object]) -> float:
    """The fastest of several rounds, each long enough to be measured: what else runs on the machine only adds."""
    started = time.perf_counter()
    call()
    call_count = max(1, int(ROUND_S / max(time.perf_counter() - started, 1e-7)))
    rounds = []
    for _ in range(ROUND_COUNT):
        started = time.perf_counter()
        for _ in range(call_count):
            call()
        rounds.append((time.perf_counter() - started) / call_count)
    return min(rounds)


def crossings(pool: Pool, direction: Direction, amount: int, clock: ChainClock) -> int | None:
    try:
        return pool.swap(direction, SwapMode.EXACT_IN, amount, clock).crossed_count
    except MarketError:
        return None


def largest_amount(pool: Pool, direction: Direction, clock: ChainClock) -> int:
    """The first power of two that crosses enough, or the last one the recording can fill."""
    largest = 1
    for bits in range(1, 50):
        crossed = crossings(pool, direction, 1 << bits, clock)
        if crossed is None and largest > 1:
            return largest
        if crossed is not None:
            largest = 1 << bits
            if crossed >= CROSSED_WANTED:
                return largest
    return largest


def ladder_amounts(largest: int) -> "array[int]":
    """Forty ascending amounts, evenly spaced in ratio."""
    smallest = max(1, largest // LARGEST_TO_SMALLEST)
    ratio = (largest / smallest) ** (1 / (RUNG_COUNT - 1))
    return array("Q", sorted(min(largest, int(smallest * ratio**rung)) for rung in range(RUNG_COUNT)))


def measure(subject: Subject) -> Measured:
    pool, clock = open_pool(subject)
    ladders = {direction: ladder_amounts(largest_amount(pool, direction, clock)) for direction in Direction}

    def both_ways() -> None:
        for direction, amounts in ladders.items():
            pool.ladder(direction, amounts, clock)

    def twin_both_ways() -> None:
        for direction, amounts in ladders.items():
            for amount in amounts:
                pool.swap(direction, SwapMode.EXACT_IN, amount, clock)

    down = ladders[Direction.A_TO_B]
    both_ways_s, twin_s = seconds_per_call(both_ways), seconds_per_call(twin_both_ways)
    crossed = crossings(pool, Direction.A_TO_B, down[-1], clock) or 0
    one_far = seconds_per_call(lambda: pool.ladder(Direction.A_TO_B, down[-1:], clock))
    one_near = seconds_per_call(lambda: pool.ladder(Direction.A_TO_B, down[:1], clock))
    middle = down[RUNG_COUNT // 2]
    swap_s = seconds_per_call(lambda: pool.swap(Direction.A_TO_B, SwapMode.EXACT_IN, middle, clock))
    found = Measured(
        dex_label=subject.dex_label,
        swap_us=swap_s * 1e6,
        both_ways_us=both_ways_s * 1e6,
        twin_both_ways_us=twin_s * 1e6,
        crossed=crossed,
        ns_per_crossing=(one_far - one_near) / crossed * 1e9 if crossed else None,
        sdk_quotes_per_s=subject.sdk_quotes_per_s,
        missed=(),
    )
    return Measured(**{**asdict(found), "missed": missed_floors(subject, found)})


def missed_floors(subject: Subject, found: Measured) -> tuple[str, ...]:
    floors = {
        f"{subject.over_sdk_min}x the SDK": found.over_sdk >= subject.over_sdk_min,
        f"{KERNEL_OVER_TWIN_MIN}x the twin": found.kernel_over_twin >= KERNEL_OVER_TWIN_MIN,
        f"{subject.both_ways_us_max} us both ways": found.both_ways_us <= subject.both_ways_us_max,
    }
    return tuple(floor for floor, kept in floors.items() if not kept)


def print_table(results: list[Measured]) -> None:
    print(f"{RUNG_COUNT} amounts both ways from one state; twin = readable Python; crossing = one tick or bin\n")
    heads = ("dex", "swap us", "ladder us", "ladder q/s", "twin us", "x twin", "crossed", "ns each", "SDK q/s", "x SDK")
    print(("{:<15}" + "{:>12}" * (len(heads) - 1)).format(*heads))
    for one in results:
        each = "-" if one.ns_per_crossing is None else f"{one.ns_per_crossing:.0f}"
        numbers: tuple[Any, ...] = (
            f"{one.swap_us:.1f}",
            f"{one.both_ways_us:.1f}",
            f"{one.ladder_quotes_per_s:,.0f}",
            f"{one.twin_both_ways_us:,.0f}",
            f"{one.kernel_over_twin:.0f}",
            one.crossed,
            each,
            f"{one.sdk_quotes_per_s:,}",
            f"{one.over_sdk:,.0f}",
        )
        print(("{:<15}" + "{:>12}" * len(numbers)).format(one.dex_label, *numbers))
    for one in results:
        for floor in one.missed:
            print(f"missed: {one.dex_label}: {floor}")


def main() -> int:
    parser = argparse.ArgumentParser(description="How fast pools are priced.")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    results = [measure(subject) for subject in SUBJECTS]
    if options.json:
        print(json.dumps([asdict(one) for one in results]))
    else:
        print_table(results)
    return 1 if any(one.missed for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
