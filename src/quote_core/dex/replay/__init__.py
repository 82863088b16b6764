"""Replay of vector files: every expectation in a file of the documented format against what this code says.

Pure: files come in as decoded JSON, checked rows go out as values; `solquote verify-quotes` and the golden tests do the
reading and the printing. `swaps` are rows with `patch`, `sequence`, `next` and `error_kind`, `tables` the others;
`engine` goes through a file. Comparison is on integers, tolerance 0.

Two marks on a row do not change the comparison but are carried to the report: `confidence: single-source` (one
implementation only) and `binary_result` (an older program build rounded dust differently; the row holds today's rule).
"""

from quote_core.dex.replay.engine import replay
from quote_core.dex.replay.rows import CheckedRow, Difference, FindPool
from quote_core.dex.replay.swaps import error_kind

__all__ = ["CheckedRow", "Difference", "FindPool", "error_kind", "replay"]
