"""What the rules on money know, in a file of the manager's own, so that a start need not read a week of EXECUTED again.

What such a file is, and when it is refused: `pipeline/checkpoint.py`. These rules refuse it, too, when it was counted
over another window or capital, and when it has counted results of after the release with the marks of another: the
marks cannot be what reading would give.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline import checkpoint
from pipeline.auditor.ledger import Ledger
from pipeline.checkpoint import CheckpointForm, StreamMark, integer_in, record_in, text_in
from pipeline.system_manager.account import FAILED_COUNT_MAX, LossAccountState
from pipeline.system_manager.dry_spell import DrySpellState
from pipeline.system_manager.rules import MoneyState
from quote_core.bus.follow import Place

__all__ = ["BYTES_MAX", "FORM", "Checkpoint", "CheckpointFile"]

BYTES_MAX: Final = 256 * 1024
"""A thousand failures and the sums take 40 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(StreamMark):
    """The rules on money behind one message of EXECUTED.

    Attributes:
        money: What the rules knew then.
    """

    money: MoneyState


class CheckpointFile(checkpoint.CheckpointFile[Checkpoint]):
    """The checkpoint on disk, replaced as one step."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, FORM)


def _read(told: dict[str, Any]) -> Checkpoint:
    money = told["money"]
    return Checkpoint(
        place=Place(text_in(told["place"]["created"]), integer_in(told["place"]["sequence"])),
        event_id=text_in(told["event_id"]),
        count=integer_in(told["count"]),
        money=MoneyState(
            since_unix_ns=integer_in(money["since_unix_ns"]),
            failed_window_ns=integer_in(money["failed_window_ns"]),
            ledger=record_in(Ledger, money["ledger"]),
            account=record_in(LossAccountState, money["account"], failed=_failed(money["account"].pop("failed"))),
            dry_spell=record_in(DrySpellState, money["dry_spell"]),
        ),
    )


def _failed(told: list[Any]) -> tuple[tuple[int, int], ...]:
    if len(told) > FAILED_COUNT_MAX:
        raise ValueError(f"it tells more than {FAILED_COUNT_MAX} failures apart")
    return tuple((integer_in(at), integer_in(count)) for at, count in told)


FORM: Final[CheckpointForm[Checkpoint]] = CheckpointForm(
    magic=b"solquote-checkpoint", version=2, bytes_max=BYTES_MAX, tell=dataclasses.asdict, read=_read
)
