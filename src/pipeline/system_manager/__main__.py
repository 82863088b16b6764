"""`python -m pipeline.system_manager`."""

from pipeline.process import main
from pipeline.system_manager.app import run
from pipeline.system_manager.settings import SystemManagerSettings

main("system_manager", SystemManagerSettings, run)
