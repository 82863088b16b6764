"""`python -m pipeline.auditor`."""

from pipeline.auditor.app import run
from pipeline.auditor.settings import AuditorSettings
from pipeline.process import main

main("auditor", AuditorSettings, run)
