"""What doctor says of the notifier."""

from pathlib import Path

from pydantic import SecretStr

from pipeline.notifier.settings import NotifierSettings
from solquote.checks import DoctorVerdict
from solquote.notifier_checks import check_notifier


async def test_without_a_destination_it_is_off_and_well():
    found = await check_notifier(NotifierSettings(), is_run=False)
    assert found.verdict is DoctorVerdict.OK
    assert found.detail.startswith("off: no destination is set")


async def test_it_names_who_is_told_and_no_secret():
    settings = NotifierSettings(slack_url=SecretStr("https://hooks.example/very-secret"), slack_level="critical")
    found = await check_notifier(settings, is_run=True)
    assert found.verdict is DoctorVerdict.OK
    assert found.detail == "slack from critical on; `solquote alerts test` sends to each"


async def test_a_secret_that_cannot_be_read_fails(tmp_path: Path):
    found = await check_notifier(NotifierSettings(pagerduty_key_file=tmp_path / "nowhere"), is_run=True)
    assert found.verdict is DoctorVerdict.FAILED
    assert "SOLQUOTE_NOTIFIER_PAGERDUTY_KEY_FILE" in found.detail
