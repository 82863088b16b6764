"""`python -m pipeline.auditor`."""

from pipeline.auditor.app import run
from pipeline.auditor.settings import AuditorSettings
from quote_core.process import run_process

run_process("auditor", AuditorSettings, run)
