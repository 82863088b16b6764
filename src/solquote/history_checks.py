"""What `solquote doctor` says of the history: that its database can be read, is of this version, and what is in it."""

import contextlib

from sqlalchemy import func, select

from pipeline.history.database import HistoryDatabase
from pipeline.history.errors import HistoryUnavailable
from pipeline.history.settings import HistorySettings
from pipeline.history.tables import trades
from quote_core.settings import PlatformSettings, SettingsError
from solquote.checks import DoctorFinding, DoctorVerdict
from solquote.formatting import size_text
from solquote.moments import utc_text

__all__ = ["check_history"]

_SUBJECT = "history"


def check_history(platform: PlatformSettings, settings: HistorySettings) -> DoctorFinding:
    """Look into the database, as somebody who only reads."""
    if not settings.enabled:
        return DoctorFinding(subject=_SUBJECT, verdict=DoctorVerdict.OK, detail="switched off by its setting")
    try:
        with contextlib.closing(HistoryDatabase(platform, settings)) as database:
            if database.is_sqlite and not database.file.is_file():
                detail, mend = f"{database.file} is not there", "start the auditor (`solquote up`), which makes it"
                return DoctorFinding(subject=_SUBJECT, verdict=DoctorVerdict.WARNING, detail=detail, mend=mend)
            return DoctorFinding(subject=_SUBJECT, verdict=DoctorVerdict.OK, detail=_content(database))
    except (HistoryUnavailable, SettingsError) as error:
        mend = "start the database or make room for it (docs/history.md); the auditor then catches up by itself"
        return DoctorFinding(subject=_SUBJECT, verdict=DoctorVerdict.FAILED, detail=str(error), mend=mend)


def _content(database: HistoryDatabase) -> str:
    database.check_version()
    with database.reading() as connection:
        count, oldest = connection.execute(select(func.count(), func.min(trades.c.stored_unix_ns))).one()
    size = f", {size_text(database.file.stat().st_size)}" if database.is_sqlite else ""
    since = f" since {utc_text(oldest)[:19].replace('T', ' ')}" if count else ""
    return f"{database.shown_url}{size}: {count:,} trades{since}"
