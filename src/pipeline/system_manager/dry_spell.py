"""Trades are begun and none succeeds, for hours: something is wrong that no single failure shows.

Time alone trips nothing. What is counted are trades that were begun and came to nothing, and it is judged when one
does: a platform without opportunities begins none, however long that lasts, and a stopped one neither.
"""

from dataclasses import dataclass

from pipeline.auditor.ledger import is_trade
from pipeline.system_manager.limits import Limits, Trip
from quote_core.events import ExecutionResult, Outcome

__all__ = ["DrySpell", "DrySpellState"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DrySpellState:
    """What is known of it.

    Attributes:
        since_unix_ns: The last success, or the release after it.
        last_unix_ns: When the last trade since came to nothing.
        tried_count: Trades that have, since.
    """

    since_unix_ns: int
    last_unix_ns: int
    tried_count: int


class DrySpell:
    """See the module; times are those of the results."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.rearm(0)

    def rearm(self, since_unix_ns: int) -> None:
        """Trading was released: whoever did has seen what was tried before."""
        self.state = DrySpellState(since_unix_ns=since_unix_ns, last_unix_ns=since_unix_ns, tried_count=0)

    def take(self, result: ExecutionResult) -> None:
        """Take the next result."""
        at_unix_ns, state = result.finished_unix_ns, self.state
        if result.outcome is Outcome.FILLED:
            self.rearm(max(at_unix_ns, state.since_unix_ns))
        elif is_trade(result):
            last_unix_ns = max(at_unix_ns, state.last_unix_ns)
            self.state = DrySpellState(
                since_unix_ns=state.since_unix_ns, last_unix_ns=last_unix_ns, tried_count=state.tried_count + 1
            )

    def judge(self) -> Trip | None:
        """Whether the rule is broken by the last trade that came to nothing."""
        limits, state = self._limits, self.state
        dry_ns = state.last_unix_ns - state.since_unix_ns
        if not limits.success_within_ns or state.tried_count < limits.success_trade_count_min:
            return None
        if dry_ns < limits.success_within_ns:
            return None
        return Trip("no_success", f"none of {state.tried_count} trades has succeeded for {dry_ns / 3.6e12:.1f} h")
