"""What `solquote doctor` says of the notifier: who would be told, and that its secrets can be read. Nothing is sent."""

import aiohttp

from pipeline.notifier.configured import book_rules, open_destinations
from pipeline.notifier.settings import NotifierSettings
from quote_core.clock import SYSTEM_CLOCK
from quote_core.settings import SettingsError
from solquote.checks import DoctorFinding, DoctorVerdict

__all__ = ["check_notifier"]

_SUBJECT = "notifier"


async def check_notifier(settings: NotifierSettings, *, is_run: bool) -> DoctorFinding:
    """Make the destinations; `is_run` says whether a platform with these settings has a notifier."""
    if not is_run:
        detail = "off: no destination is set (docs/notifier.md)"
        return DoctorFinding(subject=_SUBJECT, verdict=DoctorVerdict.OK, detail=detail)
    try:
        async with aiohttp.ClientSession() as session:
            thresholds = book_rules(settings, open_destinations(settings, session, clock=SYSTEM_CLOCK)).thresholds
    except SettingsError as error:
        mend = "mend the setting; until then the notifier does not start"
        return DoctorFinding(subject=_SUBJECT, verdict=DoctorVerdict.FAILED, detail=str(error), mend=mend)
    told = ", ".join(f"{name} from {level.name.lower()} on" for name, level in thresholds.items())
    return DoctorFinding(
        subject=_SUBJECT, verdict=DoctorVerdict.OK, detail=f"{told}; `solquote alerts test` sends to each"
    )
