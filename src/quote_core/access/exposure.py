"""Whether a server may listen beyond loopback: when it asks who somebody is, or a setting says that it need not."""

from quote_core.addresses import is_loopback
from quote_core.settings import PlatformSettings, SettingsError, environment_name

__all__ = ["check_exposure", "why_exposed"]


def why_exposed(platform: PlatformSettings, host: str, *, variable: str) -> str:
    """Why a server of ours may not listen on `host`, which `variable` sets; empty when it may."""
    if is_loopback(host) or platform.open_to_all or platform.access_file or platform.tls_client_ca:
        return ""
    access, client_ca, open_to_all = (
        environment_name(platform.section, name) for name in ("access_file", "tls_client_ca", "open_to_all")
    )
    return (
        f"{variable}: {host} is reached from other machines, and nobody would be asked who they are: set {access} "
        f"(tokens) or {client_ca} (certificates of clients), or {open_to_all}=true to let everybody in"
    )


def check_exposure(platform: PlatformSettings, host: str, *, variable: str) -> None:
    """Pass when a server may listen there.

    Raises:
        SettingsError: See `why_exposed`.
    """
    if reason := why_exposed(platform, host, variable=variable):
        raise SettingsError([reason])
