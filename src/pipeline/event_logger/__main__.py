"""`python -m pipeline.event_logger`."""

from pipeline.event_logger.app import run
from pipeline.event_logger.settings import EventLoggerSettings
from quote_core.process import run_process

run_process("event_logger", EventLoggerSettings, run)
