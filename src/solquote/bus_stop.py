"""A stop request straight to the bus, for when the system manager does not confirm."""

import asyncio
from collections.abc import Mapping

from quote_core.bus import BusRole, access_of, connect
from quote_core.clock import SYSTEM_CLOCK
from quote_core.errors import ProviderUnavailable
from quote_core.events import NAME_CHARS_MAX, REASON_CHARS_MAX, StopRequest, TradingState, fit_text, stamp
from quote_core.settings import PlatformSettings, SettingsError, read_section
from quote_core.telemetry.logs import start_logs

__all__ = ["request_stop"]


def request_stop(environ: Mapping[str, str], *, state: str, reason: str, person: str, timeout_s: float) -> str:
    """Publish a StopRequest and wait until the SYSTEM stream has it.

    Returns:
        Why it is not stored, or, when it is, nothing.
    """
    start_logs("solquote", "error")
    request = StopRequest(
        header=stamp(SYSTEM_CLOCK),
        state=TradingState[state.upper()],
        trigger="manual",
        reason=fit_text(reason, REASON_CHARS_MAX) or "stopped by hand",
        actor=fit_text(f"person {person}", NAME_CHARS_MAX),
    )
    try:
        platform = read_section(PlatformSettings, environ)  # a name that nobody knows keeps no stop from going out
        asyncio.run(_publish(platform, request, timeout_s))
    except SettingsError as error:
        return f"the bus cannot be asked, a setting is wrong: {'; '.join(error.mistakes)}"
    except TimeoutError:
        return f"the bus did not confirm within {timeout_s:.1f} s"
    except ProviderUnavailable as error:
        return f"the bus did not confirm: {error.reason}"
    return ""


async def _publish(platform: PlatformSettings, request: StopRequest, timeout_s: float) -> None:
    access = access_of(platform, BusRole.OPERATOR)
    async with asyncio.timeout(timeout_s), connect(platform.nats_url, name="solquote kill", access=access) as bus:
        await bus.publish(request)
