"""What `solquote doctor` says of the streams: that each is there, what it holds, and what bounds it."""

import asyncio

from quote_core.bus import Bus
from quote_core.bus.survey import StreamSurvey, survey_of
from quote_core.errors import ProviderUnavailable
from quote_core.events import Stream
from quote_core.settings import PlatformSettings, SettingsError
from solquote.bus_reading import open_bus
from solquote.checks import DoctorFinding, DoctorVerdict
from solquote.formatting import size_text, span_text
from solquote.output import CommandFailed

__all__ = ["check_streams", "stream_finding"]


async def check_streams(platform: PlatformSettings, *, timeout_s: float) -> list[DoctorFinding]:
    """Ask for every stream; where the bus cannot be asked at all, that is one finding."""
    try:
        async with open_bus(platform, name="solquote doctor", timeout_s=timeout_s) as bus, asyncio.timeout(timeout_s):
            return await asyncio.gather(*(_asked(bus, stream) for stream in Stream))
    except (CommandFailed, SettingsError, TimeoutError) as error:
        detail = f"cannot be asked for: {error or 'no answer in time'}"
        mend = "mend what is wrong with NATS first"
        return [DoctorFinding(subject="streams", verdict=DoctorVerdict.FAILED, detail=detail, mend=mend)]


async def _asked(bus: Bus, stream: Stream) -> DoctorFinding:
    try:
        return stream_finding(await survey_of(bus, stream))
    except ProviderUnavailable as error:
        mend = "start the initializer (`solquote up`), which makes it; `solquote logs initializer` says what it lacks"
        return DoctorFinding(
            subject=f"stream {stream.value}", verdict=DoctorVerdict.FAILED, detail=str(error), mend=mend
        )


def stream_finding(survey: StreamSurvey) -> DoctorFinding:
    """What one stream is like; dead letters are something to look at."""
    bound = f"of at most {size_text(survey.bytes_max)}" if survey.bytes_max >= 0 else "without bound"
    keeps = span_text(survey.age_ns_max) if survey.age_ns_max else "for ever"
    detail = (
        f"{survey.message_count:,} messages, {size_text(survey.size_bytes)} {bound}; keeps {keeps}, in {survey.storage}"
    )
    subject = f"stream {survey.stream}"
    if survey.stream == Stream.DEAD_LETTERS.value and survey.message_count:
        mend = f"`solquote events dump --stream {survey.stream}` shows what could not be worked on, and why"
        return DoctorFinding(subject=subject, verdict=DoctorVerdict.WARNING, detail=detail, mend=mend)
    return DoctorFinding(subject=subject, verdict=DoctorVerdict.OK, detail=detail)
