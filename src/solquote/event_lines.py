"""Stored events as lines: JSON for programs, or one short line each for people.

Bytes that are no event this build knows are shown as such, with why and how many: what is on the bus, or in the
journal, may be from anybody.
"""

import sys
from dataclasses import dataclass
from typing import Any, Final

from quote_core.errors import LayoutMismatch
from quote_core.events import decode
from quote_core.events.json_form import event_json
from quote_core.json_dialect import camel_case, json_text
from solquote.moments import utc_text

__all__ = ["StoredEvent", "print_event"]

_SHOWN: Final = {
    "TwoHopArbitrage": ("pair", "net_profit_lamports", "amount_in", "confidence_bps"),
    "TriangularArbitrage": ("pair", "net_profit_lamports", "amounts", "confidence_bps"),
    "PriceDivergence": ("pair", "divergence_bps", "confidence_bps"),
    "SourceDivergence": ("pair", "divergence_bps", "amount_in", "local_amount_out", "external_amount_out"),
    "ExecutionPlan": ("pair", "net_profit_lamports", "amount_in", "confidence_bps"),
    "ExecutionResult": ("pair", "outcome", "profit_lamports", "reason"),
    "Claim": ("executor", "plan_id"),
    "PnlSnapshot": ("cumulative_profit_lamports", "filled_count", "missed_count", "run_id"),
    "ServiceHealth": ("service", "serving", "handled_count", "error_count", "detail"),
    "KillSwitch": ("state", "revision", "actor", "reason"),
    "Lifecycle": ("service", "phase", "pid", "detail"),
    "StopRequest": ("state", "actor", "reason"),
    "PriceUpdate": ("pair", "input_amount", "output_amount", "oracle_price"),
    "SlotUpdate": ("parent_slot", "unix_timestamp"),
    "LiquidityUpdate": ("pair", "depth_a_amount", "depth_b_amount", "pool_id"),
    "LargeTrade": ("pair", "input_amount", "output_amount", "value_lamports", "pool_id"),
    "SpreadUpdate": ("pair", "spread_bps", "amount_lamports", "return_lamports"),
    "VolumeSpike": ("pair", "volume_amount", "usual_volume_amount", "window_ms", "pool_id"),
    "PoolStateChange": ("pair", "tradable", "reason", "pool_id"),
}
"""What a short line shows of each type; JSON has all."""

_TIME_CHARACTERS: Final = slice(11, 23)
"""Of a time, in a short line: hours to milliseconds."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """A message as a stream or the journal keeps it."""

    stream: str
    sequence: int
    subject: str
    stored_unix_ns: int
    data: bytes

    def as_json(self) -> dict[str, Any]:
        """Where it was stored, and the event in it."""
        return {
            "stream": self.stream,
            "sequence": self.sequence,
            "subject": self.subject,
            "stored_at": utc_text(self.stored_unix_ns),
            "stored_unix_ns": self.stored_unix_ns,
            "event": self._event(),
        }

    def short_line(self) -> str:
        """For people: when, what, and what matters of it."""
        event = self._event()
        names = _SHOWN.get(event["type"], tuple(name for name in event if name != "type"))
        facts = "  ".join(f"{camel_case(name)} {event[name]}" for name in names if event[name] not in ("", None))
        line = f"{utc_text(self.stored_unix_ns)[_TIME_CHARACTERS]}  {event['type']:<16}  {facts}"
        return "".join(letter for letter in line if letter.isprintable())

    def _event(self) -> dict[str, Any]:
        try:
            return event_json(decode(self.data))
        except LayoutMismatch as error:
            return {"type": "unknown", "reason": str(error), "size_bytes": len(self.data)}


def print_event(event: StoredEvent, *, as_json: bool) -> None:
    """Write one line; who reads along wants `sys.stdout.flush` after what came together."""
    sys.stdout.write((json_text(event.as_json()) if as_json else event.short_line()) + "\n")
