"""Profit and loss, from the results on EXECUTED and nothing else."""

from pipeline.auditor.export import export_csv
from pipeline.auditor.ledger import Ledger, Ledgers
from pipeline.auditor.reading import newest_run, read_results, result_in

__all__ = ["Ledger", "Ledgers", "export_csv", "newest_run", "read_results", "result_in"]
