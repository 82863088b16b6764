"""The audit trail: every event of every stream, in an append-only journal whose records are chained by hashes."""

from pipeline.event_logger.reading import Entry, Verification, replay, verify

__all__ = ["Entry", "Verification", "replay", "verify"]
