"""`python -m pipeline.executor`."""

from pipeline.executor.app import run
from pipeline.executor.settings import ExecutorSettings
from pipeline.process import main

main("executor", ExecutorSettings, run)
