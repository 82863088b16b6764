"""`python tests/hostile`: the local quote service against a node that lies. Ends with 1 when a promise was broken.

python tests/hostile --minutes 60               at a chain's own pace, the service as it is delivered
python tests/hostile --fast                     once through all faults, everything faster, about a minute and a half
python tests/hostile --fast --only frozen       the faults whose name holds the word
python tests/hostile --fast --two               the service has a second node, which does not lie
python tests/hostile --compare ONE TWO          what clients saw in two runs that were kept with --save, as Markdown
"""

import argparse
import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `hostile` is a package when run as a program

from fakes.tested_source import processes_of_tested_source
from hostile.campaign import FAST, REAL, run_campaign
from hostile.faults import FAULTS
from hostile.report import client_table, figures_table, load_tallies, save_tallies

_S_PER_MINUTE = 60.0


def main() -> int:
    """Run, print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=0.0, help="at least this long; once through all faults anyway")
    parser.add_argument("--seed", type=int, default=1, help="of the market and of all that is drawn")
    parser.add_argument("--fast", action="store_true", help="at the pace of the test")
    parser.add_argument("--two", action="store_true", help="with a second endpoint that does not lie")
    parser.add_argument("--only", default="", help="part of a fault's name")
    parser.add_argument("--save", type=Path, help="file for what was found")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("ONE", "TWO"), help="run nothing")
    arguments = parser.parse_args()
    if arguments.compare:
        sys.stdout.write(client_table(*map(load_tallies, arguments.compare)) + "\n")
        return 0
    processes_of_tested_source()  # which also keeps it from the metrics ports of a platform that runs beside it
    faults = [fault for fault in FAULTS if arguments.only in fault.name]
    pace = FAST if arguments.fast else REAL
    seconds = arguments.minutes * _S_PER_MINUTE
    found = asyncio.run(
        run_campaign(faults=faults, pace=pace, seed=arguments.seed, seconds=seconds, has_steady=arguments.two)
    )
    if arguments.save:
        save_tallies(found, arguments.save)
    broken = f"broken under: {'; '.join(found.broken)}" if found.broken else "no promise was broken"
    sys.stdout.write(
        f"{figures_table(found)}\n{found.checked_count} quotes of {found.baseline_count} rows checked"
        f" over {found.slot_count} slots\n{broken}\n"
    )
    return bool(found.broken)


if __name__ == "__main__":
    sys.exit(main())
