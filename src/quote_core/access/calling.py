"""What a process or a command shows to our servers, as its settings have it."""

from quote_core.access.caller import Caller, Unfit
from quote_core.settings import PlatformSettings, SettingsError

__all__ = ["caller_of"]


def caller_of(platform: PlatformSettings) -> Caller:
    """See `access.caller`.

    Raises:
        SettingsError: Something of it cannot be shown.
    """
    try:
        return Caller.of(platform)
    except Unfit as error:
        raise SettingsError([str(error)]) from None
