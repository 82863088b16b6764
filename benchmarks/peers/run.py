"""The official SDKs and our pools, on the same recorded accounts, amounts and clock, in one run.

    python benchmarks/peers/run.py [--json]

Per DEX: 40 seeded amounts in each direction, up to what crosses 20 ticks or bins. Each SDK quotes them one by one, by
its fastest published way to an exact-in amount, in one Node process with decoded state held in memory (see `sdks/`).
We quote them as two ladders and, for comparison, one `swap` at a time. Every output is compared with the SDK's.

Needs `npm`; the SDKs are installed into benchmarks/peers/node_modules on the first run, and nowhere else.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
from array import array
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.dex import POOLS, RUNG_COUNT, SUBJECTS, Subject, largest_amount, open_pool, seconds_per_call
from quote_core.dex.pool import ChainClock, Direction, Pool, SwapMode

PEERS: Final = Path(__file__).resolve().parent
SEED: Final = 20_260_731
LARGEST_TO_SMALLEST: Final = 10_000
INSTALL_S_MAX: Final = 600
NODE_S_MAX: Final = 300

Amounts = dict[Direction, "array[int]"]


@dataclass(frozen=True)
class Compared:
    """One DEX, theirs beside ours; the SDK's numbers are absent where it could not be run."""

    dex_label: str
    not_measured: str | None
    sdk_quotes_per_s: float | None
    ladder_quotes_per_s: float
    swap_quotes_per_s: float
    equal_count: int
    different: tuple[str, ...]

    @property
    def ratio(self) -> float | None:
        """How many times faster our ladder is."""
        return None if self.sdk_quotes_per_s is None else self.ladder_quotes_per_s / self.sdk_quotes_per_s


def seeded_amounts(pool: Pool, clock: ChainClock, dex_label: str) -> Amounts:
    """Ascending amounts of even density in their logarithm, the same in every run."""
    chance = random.Random(f"{SEED} {dex_label}")
    chosen = {}
    for direction in Direction:
        largest = largest_amount(pool, direction, clock)
        smaller = (int(largest * LARGEST_TO_SMALLEST ** -chance.random()) for _ in range(RUNG_COUNT - 1))
        chosen[direction] = array("Q", sorted([largest, *(max(1, amount) for amount in smaller)]))
    return chosen


def sdk_request(chosen: Mapping[Subject, Amounts], clock: ChainClock) -> str:
    """What `bench.js` reads."""
    return json.dumps(
        {
            "unix_timestamp": clock.unix_timestamp,
            "epoch": clock.epoch,
            "subjects": {
                subject.dex_label: {
                    "file": str(POOLS / subject.dex_label / f"{subject.pool_file}.json"),
                    "amounts": {
                        direction.value: [str(amount) for amount in rungs] for direction, rungs in amounts.items()
                    },
                }
                for subject, amounts in chosen.items()
            },
        }
    )


def measure_sdks(request: str) -> dict[str, dict[str, Any]]:
    """Run all SDKs in one Node process; installs them before the first run."""
    if not (PEERS / "node_modules" / ".package-lock.json").exists():  # npm writes it last
        print("installing the SDKs into benchmarks/peers/node_modules (once)", file=sys.stderr)
        subprocess.run(["npm", "ci", "--silent"], cwd=PEERS, check=True, timeout=INSTALL_S_MAX)
    done = subprocess.run(
        ["npm", "run", "--silent", "bench"],
        cwd=PEERS,
        input=request,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # the SDKs chat there; what went wrong comes as `not_measured`
        check=True,
        text=True,
        timeout=NODE_S_MAX,
    )
    answers: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return answers


def compare(subject: Subject, pool: Pool, clock: ChainClock, amounts: Amounts, sdk: dict[str, Any]) -> Compared:
    """Time our side on the same amounts, and set its outputs beside the SDK's."""

    def ladders() -> dict[Direction, list[int]]:
        return {direction: list(pool.ladder(direction, rungs, clock)) for direction, rungs in amounts.items()}

    def swaps() -> None:
        for direction, rungs in amounts.items():
            for amount in rungs:
                pool.swap(direction, SwapMode.EXACT_IN, amount, clock)

    quote_count = sum(len(rungs) for rungs in amounts.values())
    ours, theirs = ladders(), sdk.get("outputs", {})
    pairs = [
        (direction, amount, our, their)
        for direction in (amounts if theirs else ())
        for amount, our, their in zip(amounts[direction], ours[direction], theirs[direction.value], strict=True)
    ]
    return Compared(
        dex_label=subject.dex_label,
        not_measured=sdk.get("not_measured"),
        sdk_quotes_per_s=sdk.get("quotes_per_s"),
        ladder_quotes_per_s=quote_count / seconds_per_call(ladders),
        swap_quotes_per_s=quote_count / seconds_per_call(swaps),
        equal_count=sum(str(our) == their for _, _, our, their in pairs),
        different=tuple(
            f"{direction.value} {amount}: ours {our}, SDK {'refuses' if their is None else their}"
            for direction, amount, our, their in pairs
            if str(our) != their
        ),
    )


def print_table(results: list[Compared]) -> None:
    print(f"{RUNG_COUNT} amounts each way; SDKs in one Node process, all on the same accounts, amounts and clock\n")
    heads = ("dex", "SDK q/s", "our ladder q/s", "ratio", "our swap q/s", "equal outputs")
    print(("{:<15}" + "{:>16}" * (len(heads) - 1)).format(*heads))
    for one in results:
        ours = (f"{one.ladder_quotes_per_s:,.0f}", f"{one.swap_quotes_per_s:,.0f}")
        if one.ratio is None:
            print(f"{one.dex_label:<15}{'-':>16}{ours[0]:>16}{'-':>16}{ours[1]:>16}  not measured: {one.not_measured}")
            continue
        equal = f"{one.equal_count} of {one.equal_count + len(one.different)}"
        cells = (f"{one.sdk_quotes_per_s:,.0f}", ours[0], f"{one.ratio:,.0f}", ours[1], equal)
        print(("{:<15}" + "{:>16}" * len(cells)).format(one.dex_label, *cells))
    for one in results:
        for difference in one.different:
            print(f"different: {one.dex_label} {difference}")


def main() -> int:
    parser = argparse.ArgumentParser(description="The official SDKs beside our pools.")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    options = parser.parse_args()
    if shutil.which("npm") is None:
        print("not measured: the official SDKs need npm, which is not there", file=sys.stderr)
        return 0
    pools = {subject: open_pool(subject) for subject in SUBJECTS}
    chosen = {subject: seeded_amounts(pool, clock, subject.dex_label) for subject, (pool, clock) in pools.items()}
    _, shared_clock = pools[SUBJECTS[0]]
    try:
        answers = measure_sdks(sdk_request(chosen, shared_clock))
    except (subprocess.SubprocessError, OSError) as error:
        print(f"not measured: the official SDKs could not be installed or run: {error}", file=sys.stderr)
        return 0
    results = [
        compare(subject, pool, clock, chosen[subject], answers[subject.dex_label])
        for subject, (pool, clock) in pools.items()
    ]
    if options.json:
        print(json.dumps([asdict(one) | {"ratio": one.ratio} for one in results]))
    else:
        print_table(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
