"""`python -m pipeline.planner`."""

from pipeline.planner.app import run
from pipeline.planner.settings import PlannerSettings
from pipeline.process import main

main("planner", PlannerSettings, run)
