"""`python -m pipeline.executor`."""

from pipeline.executor.app import run
from pipeline.executor.settings import ExecutorSettings
from quote_core.process import run_process

run_process("executor", ExecutorSettings, run)
