"""What doctor says of the history."""

from pathlib import Path

from fakes.history import followed, history_kept, write_batch
from fakes.ports import free_port
from fakes.results import result

from pipeline.history.settings import HistorySettings
from quote_core.events import Stream
from quote_core.settings import PlatformSettings
from solquote.checks import DoctorVerdict
from solquote.history_checks import check_history


def test_it_says_what_is_in_it(tmp_path: Path) -> None:
    for kept in history_kept("sqlite", tmp_path, lambda: None):  # type: ignore[arg-type,return-value]
        trade = followed(result(number=1), 1, stored_unix_ns=1_700_000_000 * 10**9)
        write_batch(kept.open(), Stream.EXECUTED, [trade], before=None)
        found = check_history(kept.platform, kept.settings)
        assert found.verdict is DoctorVerdict.OK
        assert "history.db, " in found.detail
        assert found.detail.endswith(": 1 trades since 2023-11-14 22:13:20")


def test_one_that_is_not_there_yet_is_no_failure_and_is_not_made(tmp_path: Path) -> None:
    found = check_history(PlatformSettings(data_dir=tmp_path), HistorySettings())
    assert found.verdict is DoctorVerdict.WARNING
    assert "auditor" in found.mend
    assert list(tmp_path.iterdir()) == []


def test_one_that_is_switched_off_is_not_looked_at(tmp_path: Path) -> None:
    found = check_history(PlatformSettings(data_dir=tmp_path), HistorySettings(enabled=False))
    assert found.verdict is DoctorVerdict.OK


def test_one_that_cannot_be_reached_fails_without_its_password(tmp_path: Path) -> None:
    settings = HistorySettings(url=f"postgresql://solquote:hunter22@127.0.0.1:{free_port()}/solquote")
    found = check_history(PlatformSettings(data_dir=tmp_path), settings)
    assert found.verdict is DoctorVerdict.FAILED
    assert "refused" in found.detail
    assert "hunter22" not in f"{found}"
