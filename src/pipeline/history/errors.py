"""What SQLAlchemy and the drivers raise, as ours: said once here, and without what a URL or a statement may hold."""

import contextlib
from collections.abc import Iterator
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from quote_core.errors import ProviderUnavailable, SolquoteError
from quote_core.telemetry.logs import masked

__all__ = ["HistoryUnavailable", "PlaceMoved", "database_errors"]

_SUBJECT: Final = "history database"
_REASON_CHARS_MAX: Final = 300


class HistoryUnavailable(ProviderUnavailable):
    """The database cannot be reached, read or written now."""

    def __init__(self, reason: str) -> None:
        super().__init__(_SUBJECT, reason)


class PlaceMoved(SolquoteError):
    """Somebody else wrote the same stream, or sent its writing back; whoever follows begins at the new place."""

    def __init__(self, stream: str) -> None:
        super().__init__(f"{_SUBJECT}: the place in {stream} has been moved by somebody else")
        self.stream = stream


@contextlib.contextmanager
def database_errors() -> Iterator[None]:
    """Translate.

    Raises:
        HistoryUnavailable: For every error of database and driver, in the database's own words on one line.
    """
    try:
        yield
    except DBAPIError as error:  # its own text has the statement, too
        raise HistoryUnavailable(_in_a_line(error.orig)) from None
    except SQLAlchemyError as error:
        raise HistoryUnavailable(_in_a_line(error)) from None


def _in_a_line(error: BaseException | None) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return masked(text[:_REASON_CHARS_MAX])
