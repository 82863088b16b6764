"""What the auditor has added up, in a file of its own, so that a start need not read a week of EXECUTED again.

What such a file is, and when it is refused: `pipeline/checkpoint.py`. The auditor refuses it, too, when it was counted
with another capital, or with other tokens as the price of SOL, and when the report of a day that it takes for written
is gone while the stream still keeps the whole day: whoever deletes a report has it written anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline import checkpoint
from pipeline.auditor.daily import DaysState, PairLedgers, PnlAccount
from pipeline.auditor.ledger import Ledger
from pipeline.auditor.runs import RunSums
from pipeline.auditor.usd import SolPrices, UsdAccount
from pipeline.checkpoint import CheckpointForm, StreamMark, flag_in, integer_in, record_in, record_told, text_in
from quote_core.bus.follow import Place

__all__ = ["BYTES_MAX", "FILE_NAME", "LEDGER_COUNT_MAX", "Checkpoint", "CheckpointFile", "form_of"]

FILE_NAME: Final = "auditor.checkpoint"
"""In the data folder."""

LEDGER_COUNT_MAX: Final = 10_000
"""Accounts of runs, days and pairs; with more there is no checkpoint, since telling them would hold up the counting."""

BYTES_MAX: Final = 16 * 1024 * 1024
"""So many accounts take 9 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(StreamMark):
    """The sums behind one message of EXECUTED.

    Attributes:
        capital_lamports: What trading began with.
        prices: The digest of what prices SOL.
        runs: Each run's, that of the newest result last.
        days: Those that have no report yet.
    """

    capital_lamports: int
    prices: str
    runs: tuple[RunSums, ...]
    days: DaysState


class CheckpointFile(checkpoint.CheckpointFile[Checkpoint]):
    """The checkpoint on disk, replaced as one step."""

    def __init__(self, path: Path, prices: SolPrices) -> None:
        super().__init__(path, form_of(prices))


def form_of(prices: SolPrices) -> CheckpointForm[Checkpoint]:
    """How it is written; the sums that are read go on with `prices`."""

    def read(told: dict[str, Any]) -> Checkpoint:
        capital_lamports = integer_in(told["capital_lamports"])
        return Checkpoint(
            place=Place(text_in(told["place"]["created"]), integer_in(told["place"]["sequence"])),
            event_id=text_in(told["event_id"]),
            count=integer_in(told["count"]),
            capital_lamports=capital_lamports,
            prices=text_in(told["prices"]),
            runs=tuple(
                RunSums(record_in(Ledger, run["ledger"]), record_in(UsdAccount, run["usd"], prices=prices))
                for run in told["runs"]
            ),
            days=_days(told["days"], prices, capital_lamports=capital_lamports),
        )

    return CheckpointForm(magic=b"solquote-auditor-checkpoint", version=1, bytes_max=BYTES_MAX, tell=_told, read=read)


def _days(told: dict[str, Any], prices: SolPrices, *, capital_lamports: int) -> DaysState:
    accounts: dict[tuple[int, str], PnlAccount] = {}
    for each in told["accounts"]:
        ledger = record_in(Ledger, each["ledger"])
        pairs = {text_in(pair): record_in(Ledger, of_pair) for pair, of_pair in each["pairs"]}
        accounts[integer_in(each["day"]), ledger.run_id] = PnlAccount(
            ledger,
            PairLedgers(capital_lamports=capital_lamports, known=pairs),
            record_in(UsdAccount, each["usd"], prices=prices),
        )
    first_day = told["first_day"]
    return DaysState(
        keeps_all=flag_in(told["keeps_all"]),
        first_day=None if first_day is None else integer_in(first_day),
        reported=tuple(map(integer_in, told["reported"])),
        accounts=accounts,
    )


def _told(kept: Checkpoint) -> dict[str, Any]:
    days = kept.days
    return {
        "place": record_told(kept.place),
        "event_id": kept.event_id,
        "count": kept.count,
        "capital_lamports": kept.capital_lamports,
        "prices": kept.prices,
        "runs": [{"ledger": record_told(run.ledger), "usd": _usd_told(run.usd)} for run in kept.runs],
        "days": {
            "keeps_all": days.keeps_all,
            "first_day": days.first_day,
            "reported": days.reported,
            "accounts": [_account_told(day, account) for (day, _), account in days.accounts.items()],
        },
    }


def _account_told(day: int, account: PnlAccount) -> dict[str, Any]:
    return {
        "day": day,
        "ledger": record_told(account.ledger),
        "pairs": [(pair, record_told(ledger)) for pair, ledger in account.pairs.by_pair.items()],
        "usd": _usd_told(account.usd),
    }


def _usd_told(usd: UsdAccount) -> Mapping[str, Any]:
    return record_told(usd, without=("prices",))
