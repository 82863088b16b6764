"""`python -m pipeline.scanner`."""

from pipeline.process import main
from pipeline.scanner.app import run
from pipeline.scanner.settings import ScannerSettings

main("scanner", ScannerSettings, run)
