"""`python -m pipeline.event_logger`."""

from pipeline.event_logger.app import run
from pipeline.event_logger.settings import EventLoggerSettings
from pipeline.process import main

main("event_logger", EventLoggerSettings, run)
