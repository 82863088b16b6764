"""The audit trail: every event of every stream, in an append-only journal whose records are chained by hashes."""

from pipeline.event_logger.reading import Entry, Verification, entries_with, replay, verify

__all__ = ["Entry", "Verification", "entries_with", "replay", "verify"]
