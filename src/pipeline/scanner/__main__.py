"""`python -m pipeline.scanner`."""

from pipeline.scanner.app import run
from pipeline.scanner.settings import ScannerSettings
from quote_core.process import run_process

run_process("scanner", ScannerSettings, run)
