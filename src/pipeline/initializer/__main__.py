"""`python -m pipeline.initializer`."""

from pipeline.initializer.app import run
from pipeline.initializer.settings import InitializerSettings
from quote_core.process import run_process

run_process("initializer", InitializerSettings, run)
