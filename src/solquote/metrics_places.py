"""Where the processes of a platform serve their metrics: one that runs, or that would run with these settings."""

from collections.abc import Mapping

from quote_core.addresses import METRICS_HOST, with_port
from quote_core.running.data_folder import running_platform
from quote_core.settings import PlatformSettings, environment_name
from solquote.processes import METRICS_PORT, SERVICES

__all__ = ["metrics_urls"]


def metrics_urls(environ: Mapping[str, str]) -> dict[str, str]:
    """By process.

    Args:
        environ: The settings, and what the platform that runs tells its own.
    """
    return {name: f"http://{with_port(METRICS_HOST, port)}/metrics" for name, port in _ports(environ).items()}


def _ports(environ: Mapping[str, str]) -> dict[str, int]:
    running = running_platform(PlatformSettings.load(environ=environ).data_folder())
    if running is not None:
        told = {service.name: environment_name(service.name, METRICS_PORT.field) for service in SERVICES}
        return {name: int(environ[variable]) for name, variable in told.items() if variable in running.environment}
    from solquote.plan import PlatformModels, started_services  # noqa: PLC0415  # only where no platform runs

    models = PlatformModels.load(environ)
    return {
        service.name: getattr(models.services[service.name], METRICS_PORT.field) for service in started_services(models)
    }
