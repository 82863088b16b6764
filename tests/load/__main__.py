"""`python tests/load`: load the platform, compare with the limits, keep a report. Ends with 1 when one was missed.

python tests/load                                   all but the soak, against a platform of its own, some four minutes
python tests/load unary --rate 500                  one profile, at another rate
python tests/load soak --seconds 3600               an hour: what grows?
python tests/load unary --data-dir ~/.solquote      against a platform that runs already
python tests/load unary --slow aggregator           with a process that stands still for 0.1 s twice a second
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `load` is a package when run as a program

from fakes.running_platform import PROCESS_NAMES, RunningPlatform
from load.campaign import NotRunning, run_profile, slowed
from load.profiles import PROFILES, USUAL
from load.report import lines_of, write_page
from load.thresholds import load_thresholds

_HERE = Path(__file__).resolve().parent
_REPORTS = _HERE.parents[1] / "build" / "load"


def main() -> int:
    """Run, print, and keep the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profiles", nargs="*", metavar="PROFILE", help=f"of {', '.join(PROFILES)}; all but the soak")
    parser.add_argument("--rate", type=int, help="requests a second")
    parser.add_argument("--seconds", type=int, help="how long a part lasts")
    parser.add_argument("--readers", type=int, help="processes that read shared memory beside it")
    parser.add_argument("--data-dir", type=Path, help="of a platform that runs; else one is started and ended")
    parser.add_argument("--thresholds", type=Path, default=_HERE / "thresholds.json", help="the limits")
    parser.add_argument("--slow", choices=PROCESS_NAMES, metavar="PROCESS", help="let it stand still now and then")
    parser.add_argument("--report", type=Path, help="where the page is kept; else below build/load")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.profiles if name not in PROFILES]:
        parser.error(f"there is no profile {unknown[0]}; there are {', '.join(PROFILES)}")
    given = {"rate": arguments.rate, "seconds": arguments.seconds, "reader_count": arguments.readers}
    changes = {name: value for name, value in given.items() if value is not None}
    now = datetime.now(UTC)
    outcomes = []
    try:
        limits = load_thresholds(arguments.thresholds)
        with _platform(arguments.data_dir) as data_dir:
            for name in arguments.profiles or USUAL:
                profile = replace(PROFILES[name], **changes)
                slow = slowed(arguments.slow, data_dir) if arguments.slow else contextlib.nullcontext()
                with slow:
                    outcomes.append(run_profile(profile, data_dir, limits))
                sys.stdout.write("\n".join(lines_of(outcomes[-1])) + "\n")
                sys.stdout.flush()
    except (NotRunning, OSError, ValueError) as error:
        sys.stderr.write(f"load: {error}\n")
        return 2
    report = arguments.report or _REPORTS / f"{now:%Y-%m-%d-%H%M%S}.html"
    write_page(report, outcomes, title=f"solquote under load, {now:%Y-%m-%d %H:%M} UTC")
    sys.stdout.write(f"the report is {report}\n")
    return not all(outcome.is_kept for outcome in outcomes)


@contextlib.contextmanager
def _platform(data_dir: Path | None) -> Iterator[Path]:
    if data_dir is not None:
        yield data_dir
        return
    with tempfile.TemporaryDirectory(prefix="solquote-load-") as folder, RunningPlatform(Path(folder)) as platform:
        platform.until_healthy()
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
