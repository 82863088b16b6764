"""`python -m pipeline.system_manager`."""

from pipeline.system_manager.app import run
from pipeline.system_manager.settings import SystemManagerSettings
from quote_core.process import run_process

run_process("system_manager", SystemManagerSettings, run)
