"""`python -m pipeline.notifier`."""

from pipeline.notifier.app import run
from pipeline.notifier.settings import NotifierSettings
from quote_core.process import run_process

run_process("notifier", NotifierSettings, run)
