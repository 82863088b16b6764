"""`python tests/prove`: the long versions of the proofs, with their figures. Ends with 1 when one fails.

python tests/prove                          all of it, some half an hour on two cores
python tests/prove model | race | stop | lap | gap
python tests/prove stress --accepted N --seconds S
python tests/prove kill --kills N
"""

import argparse
import dataclasses
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that `prove` is a package when run as a program

from prove import gapping, killing, lapping, racing, stopping, stressing
from prove.claims import CLAIMS
from prove.necessities import NECESSITIES, SPARE
from prove.protocol_model import PROTOCOL

from shm import CONTRACT, TableCounts

MEMORY = Path("/dev/shm")
GAP_S = 20.0
SIZES = (CONTRACT, TableCounts(20_000, 4_096))
"""Tables of the proofs: the layout's counts, and others."""
Outcome = tuple[bool, str]


def prove_model(_: argparse.Namespace) -> Iterator[Outcome]:
    """Every outcome of the exhaustive model, then every rule left out in turn."""
    for claim in CLAIMS:
        verdict = claim(PROTOCOL)
        yield verdict.broken_by is None, f"{claim.__name__}: holds in {verdict.outcome_count} outcomes"
    for necessity in NECESSITIES:
        verdict = necessity.claim((PROTOCOL - necessity.without) | necessity.instead)
        spared = necessity.claim(PROTOCOL - necessity.spared).broken_by is None
        without = " + ".join(sorted(rule.name for rule in necessity.without))
        instead = " with " + ", ".join(rule.name for rule in necessity.instead) if necessity.instead else ""
        yield (
            verdict.broken_by is not None and spared,
            f"{necessity.claim.__name__} without {without}{instead}: {verdict.broken_by}",
        )
    spare = all(claim(PROTOCOL - SPARE).broken_by is None for claim in CLAIMS)
    yield spare, f"every claim holds without {', '.join(rule.name for rule in SPARE)}, which its neighbours imply"


def prove_race(_: argparse.Namespace) -> Iterator[Outcome]:
    """The thread sanitizer, and its control."""
    for counts in SIZES:
        silent = racing.race("SQ_NO_FENCES", counts)
        holds = silent.returncode == 0 and not silent.stderr
        yield holds, f"{sized(counts)}: exit {silent.returncode}, {silent.stdout.strip()}"
        loud = racing.race("SQ_PLAIN_COPIES", counts)
        reports = loud.stderr.count("WARNING: ThreadSanitizer: data race")
        yield reports > 0, f"{sized(counts)}, control with plain copies: {reports} races reported"


def prove_stop(_: argparse.Namespace) -> Iterator[Outcome]:
    """A crash after each store, and of the recovery after each of its own."""
    for counts in SIZES:
        with tempfile.TemporaryDirectory(prefix="solquote-prove-", dir=MEMORY) as directory:
            for action in stopping.ACTIONS:
                crashes = list(stopping.crashes(Path(directory), action, counts))
                problems = [crash for crash in crashes if crash.problems]
                odd = sum(crash.was_odd for crash in crashes)
                text = f"{action}: {len(crashes)} crashes, {odd} in mid-write, problems: {problems}"
                yield not problems, f"{sized(counts)}, {text}"
            crashes = list(stopping.crashed_recoveries(Path(directory), counts))
            problems = [crash for crash in crashes if crash.problems]
            yield not problems, f"{sized(counts)}, recovery: {len(crashes)} crashes, problems: {problems}"


def prove_lap(_: argparse.Namespace) -> Iterator[Outcome]:
    """A reader lapped after each of its loads, then each rule of the poll left out."""
    for counts, told in itertools.product((*lapping.SIZES, lapping.LARGEST), lapping.TOLD):
        for laps in lapping.laps_of(counts):
            result = lapping.lapped(lapping.reader(counts), laps, told)
            text = f"{told}: lapped by {laps} after each of {result.stdout.strip()} loads {result.stderr}"
            yield result.returncode == 0, f"{sized(counts)}, {text}"
    for counts, rule in itertools.product(lapping.SIZES, lapping.MUTANTS):
        broken = lapping.loses_changes(rule, counts)
        yield broken, f"{sized(counts)}, {rule}: {'loses changes' if broken else 'nothing was lost'}"


def prove_gap(_: argparse.Namespace) -> Iterator[Outcome]:
    """A reader that finds room for half an entry, and a handle that gets one read of two."""
    for counts in SIZES:
        shown = gapping.shown(GAP_S, counts)
        holds = shown.foreign_count == 0 and shown.pair_count > GAP_S
        text = f"{shown.quote_count} quotes of {shown.pair_count} pairs, {shown.foreign_count} with another's amounts"
        yield holds, f"{sized(counts)}: {text}"
    for counts, action in itertools.product(SIZES, gapping.GIVEN_AWAY):
        with tempfile.TemporaryDirectory(prefix="solquote-prove-", dir=MEMORY) as directory:
            state, quote = gapping.told_by_handle(Path(directory), action, counts)
        text = f"a handle between whose reads its entry changed its {action}: {state.value}, tells {quote}"
        yield quote is None, f"{sized(counts)}, {text}"


def prove_stress(options: argparse.Namespace) -> Iterator[Outcome]:
    """So many accepted reads, spread over patterns and rates."""
    runs = list(itertools.product(SIZES, stressing.PATTERNS, stressing.RATES))
    accepted, torn = 0, 0
    for counts, pattern, rate in runs:
        start = time.monotonic()
        tally = stressing.stress(
            pattern,
            writes_per_s=rate,
            accepted=options.accepted // len(runs),
            seconds=options.seconds,
            counts=counts,
        )
        accepted += tally.accepted
        torn += tally.torn
        took = f"{pattern} at {rate or 'unbounded'} writes/s, {time.monotonic() - start:.0f} s"
        yield tally.torn == 0, f"{sized(counts)}, {took}: {tally}"
    yield torn == 0 and accepted >= options.accepted, f"{accepted} accepted reads, {torn} torn"


def prove_kill(options: argparse.Namespace) -> Iterator[Outcome]:
    """kill -9 at random."""
    for counts in SIZES:
        with tempfile.TemporaryDirectory(prefix="solquote-prove-", dir=MEMORY) as directory:
            start = time.monotonic()
            report = killing.kill_loop(Path(directory), options.kills, counts)
        bad = report.torn + report.late + report.wrong_scans + report.findings
        seen = " ".join(f"{field.name}={getattr(report, field.name)}" for field in dataclasses.fields(report))
        yield bad == 0, f"{sized(counts)}: {seen} in {time.monotonic() - start:.0f} s"


def sized(counts: TableCounts) -> str:
    """A table by its counts."""
    return f"{counts.entries:,} x {counts.slots:,}"


PROOFS: dict[str, Callable[[argparse.Namespace], Iterator[Outcome]]] = {
    "model": prove_model,
    "race": prove_race,
    "stop": prove_stop,
    "lap": prove_lap,
    "gap": prove_gap,
    "stress": prove_stress,
    "kill": prove_kill,
}


def main() -> int:
    """Run the proofs named, or all."""
    parser = argparse.ArgumentParser(prog="tests/prove", description="Prove the shared-memory protocol at length.")
    parser.add_argument("proofs", nargs="*", metavar="proof", help=", ".join(PROOFS))
    parser.add_argument("--accepted", type=int, default=10**9, help="reads of the stress proof")
    parser.add_argument("--seconds", type=float, default=600.0, help="longest run of one stress pattern and rate")
    parser.add_argument("--kills", type=int, default=10_000, help="of the kill proof")
    options = parser.parse_args()
    if unknown := set(options.proofs) - set(PROOFS):
        parser.error(f"no such proof: {', '.join(sorted(unknown))}")
    failed = 0
    for name in options.proofs or PROOFS:
        for holds, text in PROOFS[name](options):
            failed += not holds
            sys.stdout.write(f"{name:7}{'ok    ' if holds else 'FAILED'} {text}\n")
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
