"""Every settings model there is: of the platform, of `up`, of each process, and of what several processes share."""

import importlib
from typing import Final

from pipeline.settings import CostSettings, PipelineSettings
from quote_core.settings import PlatformSettings, ServiceSettings
from solquote.processes import SERVICES, Service
from solquote.settings import UpSettings

__all__ = ["SHARED_SETTINGS", "all_models", "settings_model"]

SHARED_SETTINGS: Final[tuple[type[ServiceSettings], ...]] = (PipelineSettings, CostSettings)
"""Sections of no process of their own: several read them."""


def settings_model(service: Service) -> type[ServiceSettings]:
    """The settings of `service`: the one model of its section in its package's `settings` module."""
    module = importlib.import_module(f"{service.module}.settings")
    models = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    ]
    (model,) = (model for model in models if model.section == service.name)
    return model


def all_models() -> tuple[type[ServiceSettings], ...]:
    """Every settings model there is."""
    return (PlatformSettings, UpSettings, *map(settings_model, SERVICES), *SHARED_SETTINGS)
