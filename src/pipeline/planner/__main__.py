"""`python -m pipeline.planner`."""

from pipeline.planner.app import run
from pipeline.planner.settings import PlannerSettings
from quote_core.process import run_process

run_process("planner", PlannerSettings, run)
