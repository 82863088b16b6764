"""Whether a platform's own processes may ask each other, as one set of settings has both sides."""

from quote_core.access.caller import Caller
from quote_core.access.calling import caller_of
from quote_core.access.control import AccessControl
from quote_core.access.scopes import Scope
from quote_core.errors import SolquoteError
from quote_core.settings import PlatformSettings, SettingsError, environment_name

__all__ = ["check_own_calls"]

_GO_TOGETHER = (("access_file", "ask_token_file"), ("tls_certificate", "ask_ca"), ("tls_client_ca", "ask_certificate"))


def check_own_calls(platform: PlatformSettings) -> None:
    """Pass when what our servers ask for is what our clients show.

    Raises:
        SettingsError: A file is wrong, is missing on one side, or the token is none that may read.
    """
    access, caller = AccessControl(platform), caller_of(platform)
    mistakes = [
        f"{environment_name(platform.section, shown)}: is needed where {environment_name(platform.section, asked)} is "
        "set, or our own processes could not ask each other"
        for asked, shown in _GO_TOGETHER
        if getattr(platform, asked) is not None and getattr(platform, shown) is None
    ]
    if not mistakes and (fault := _why_refused(access, caller)):
        mistakes.append(fault)
    if mistakes:
        raise SettingsError(mistakes)


def _why_refused(access: AccessControl, caller: Caller) -> str:
    """What keeps our own processes from asking all they like; empty when nothing does."""
    asked, shown, rate = (
        environment_name(access.platform.section, name) for name in ("access_file", "ask_token_file", "client_rate")
    )
    try:
        admission = access.gate.admit(
            caller.headers().get("Authorization"), needs=Scope.READ, host="127.0.0.1", is_charged=False
        )
    except SolquoteError:
        return f"{shown}: {access.platform.ask_token_file} holds no token that may read by {asked}"
    if admission.is_counted and access.gate.counts_anything:
        return (
            f"{rate}, and other limits of clients, would be those of our own processes: "
            f"give the token of {shown} the word uncounted in {asked}"
        )
    return ""
