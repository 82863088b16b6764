"""Profit and loss, from the results on EXECUTED and nothing else."""

from pipeline.auditor.export import export_csv
from pipeline.auditor.ledger import Ledger
from pipeline.auditor.reading import read_results, result_in

__all__ = ["Ledger", "export_csv", "read_results", "result_in"]
