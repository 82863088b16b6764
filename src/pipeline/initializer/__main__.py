"""`python -m pipeline.initializer`."""

from pipeline.initializer.app import run
from pipeline.initializer.settings import InitializerSettings
from pipeline.process import main

main("initializer", InitializerSettings, run)
