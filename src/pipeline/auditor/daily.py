"""The report of a UTC day: the account of each run that had a result on it, in all and pair by pair.

A result belongs to the day on which it ended. An account of a day begins at nothing: its drawdown is of the day, from
the capital. Pairs are of SOL and one token, so the account of a pair is that of the token.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from pipeline.auditor.figures import figures_of
from pipeline.auditor.ledger import DAY_NS, Ledger
from pipeline.auditor.usd import SolPrices, UsdAccount
from quote_core.events import ExecutionResult
from quote_core.units import NS_PER_S

__all__ = [
    "ACCOUNT_COUNT_MAX",
    "DAY_COUNT_MAX",
    "DayAccounts",
    "DaysState",
    "PairLedgers",
    "PnlAccount",
    "day_index",
    "day_text",
]

ACCOUNT_COUNT_MAX: Final = 1_000
"""Accounts of a run on a day that wait for their report; further runs are together under `others`."""

PAIR_COUNT_MAX: Final = 256
"""Pairs that an account tells apart; further ones are together, too."""

DAY_COUNT_MAX: Final = 31
"""No day before that is reported: the stream keeps a week, and an older time is a clock that was wrong."""

OTHERS: Final = "others"


def day_text(day: int) -> str:
    """Days since 1970 as `2026-11-29`."""
    return f"{datetime.fromtimestamp(day * DAY_NS // NS_PER_S, UTC):%Y-%m-%d}"


def day_index(day: date) -> int:
    """The reverse."""
    return (day - date(1970, 1, 1)).days


class PairLedgers:
    """A ledger for each pair.

    Args:
        capital_lamports: What trading began with.
        known: Those counted before, in the order of their first results.
    """

    def __init__(self, *, capital_lamports: int, known: Mapping[str, Ledger] | None = None) -> None:
        self._capital_lamports = capital_lamports
        self._by_pair: dict[str, Ledger] = dict(known or {})

    @property
    def by_pair(self) -> Mapping[str, Ledger]:
        """In the order of their first results."""
        return self._by_pair

    def add(self, result: ExecutionResult) -> None:
        """Take the next result."""
        pair = result.pair
        if pair not in self._by_pair:
            pair = pair if len(self._by_pair) < PAIR_COUNT_MAX else OTHERS
            self._by_pair.setdefault(pair, Ledger(capital_lamports=self._capital_lamports))
        self._by_pair[pair].add(result)


@dataclass(slots=True)
class PnlAccount:
    """All that is told of some results: in SOL, by pair, and in dollars."""

    ledger: Ledger
    pairs: PairLedgers
    usd: UsdAccount

    @classmethod
    def empty(cls, prices: SolPrices, *, capital_lamports: int, run_id: str) -> "PnlAccount":
        """Before the first result."""
        return cls(
            Ledger(capital_lamports=capital_lamports, run_id=run_id),
            PairLedgers(capital_lamports=capital_lamports),
            UsdAccount(prices),
        )

    def add(self, result: ExecutionResult) -> None:
        """Take the next result."""
        self.ledger.add(result)
        self.pairs.add(result)
        self.usd.add(result)

    def copied(self) -> "PnlAccount":
        """As it is now."""
        capital_lamports = self.ledger.capital_lamports
        pairs = {pair: replace(ledger) for pair, ledger in self.pairs.by_pair.items()}
        return PnlAccount(
            replace(self.ledger), PairLedgers(capital_lamports=capital_lamports, known=pairs), replace(self.usd)
        )

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run_id": self.ledger.run_id,
            "first_result_unix_ns": self.ledger.first_result_unix_ns,
            "last_result_unix_ns": self.ledger.last_result_unix_ns,
            "summary": figures_of(self.ledger),
            "pairs": [{"pair": pair, **figures_of(ledger)} for pair, ledger in self.pairs.by_pair.items()],
            "usd": self.usd.figures(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DaysState:
    """What is known of the days, counted from 1970.

    Attributes:
        keeps_all: Whether the stream had dropped nothing when its first result was read.
        first_day: The first that may be reported; `None` before the first result.
        reported: The newest `DAY_COUNT_MAX` of those whose report is written, and that this life of the stream could
            have given again.
        accounts: By day and run, in the order of their first results.
    """

    keeps_all: bool
    first_day: int | None
    reported: tuple[int, ...]
    accounts: Mapping[tuple[int, str], PnlAccount]


class DayAccounts:
    """The accounts of the days that have no report yet, of one life of the EXECUTED stream.

    A day is reported if the stream keeps all of it: the day of the oldest result kept is not, when something before
    that was dropped. Days without a result between two that have some are reported, too, and empty.

    Args:
        prices: Of SOL in dollars.
        capital_lamports: What trading began with.
        reported: The days that have a report; `close` adds to them.
        keeps_all: Whether the stream has dropped nothing so far.
    """

    def __init__(self, prices: SolPrices, *, capital_lamports: int, reported: set[int], keeps_all: bool = True) -> None:
        self._prices = prices
        self._capital_lamports = capital_lamports
        self._reported = reported
        self._keeps_all = keeps_all
        self._accounts: dict[tuple[int, str], PnlAccount] = {}
        self._first_day: int | None = None

    @classmethod
    def of(cls, state: DaysState, prices: SolPrices, *, capital_lamports: int, reported: set[int]) -> "DayAccounts":
        """Go on from `state`; of the days `reported` since it was noted nothing is left to tell."""
        days = cls(prices, capital_lamports=capital_lamports, reported=reported, keeps_all=state.keeps_all)
        days._first_day = state.first_day
        days._accounts = {key: account for key, account in state.accounts.items() if key[0] not in reported}
        return days

    @property
    def ledger_count(self) -> int:
        """How much there is to keep."""
        return sum(1 + len(account.pairs.by_pair) for account in self._accounts.values())

    def state(self) -> DaysState:
        """What is known now; taking further results does not change it."""
        first_day = self._first_day
        again = sorted(day for day in self._reported if first_day is not None and day >= first_day)
        return DaysState(
            keeps_all=self._keeps_all,
            first_day=first_day,
            reported=tuple(again[-DAY_COUNT_MAX:]),
            accounts={key: account.copied() for key, account in self._accounts.items()},
        )

    def add(self, result: ExecutionResult) -> bool:
        """Take the next result of the stream; says whether it will be in a report."""
        day = result.finished_unix_ns // DAY_NS
        if self._first_day is None:
            self._first_day = day if self._keeps_all else day + 1
        if day in self._reported or day < self._first_day:
            return False
        key = day, result.run_id
        if key not in self._accounts:
            key = key if len(self._accounts) < ACCOUNT_COUNT_MAX else (day, OTHERS)
            self._accounts.setdefault(key, self._empty(key[1]))
        self._accounts[key].add(result)
        return True

    def ended(self, now_unix_ns: int, *, day_count_max: int) -> list[int]:
        """The days without a report that have ended by `now_unix_ns`, oldest first, of the last `day_count_max`."""
        today = now_unix_ns // DAY_NS
        if self._first_day is None:
            return []
        return [day for day in range(max(self._first_day, today - day_count_max), today) if day not in self._reported]

    def report(self, day: int) -> dict[str, Any]:
        """For JSON: each run in the order of its first result of the day."""
        runs = [account.figures() for (of_day, _), account in self._accounts.items() if of_day == day]
        return {"day": day_text(day), "capital_lamports": self._capital_lamports, "runs": runs}

    def close(self, day: int) -> None:
        """The day is reported: what still comes of it is late."""
        self._reported.add(day)
        for key in [key for key in self._accounts if key[0] <= day]:
            del self._accounts[key]

    def _empty(self, run_id: str) -> PnlAccount:
        return PnlAccount.empty(self._prices, capital_lamports=self._capital_lamports, run_id=run_id)
