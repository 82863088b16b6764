import pytest

from quote_core.access.exposure import check_exposure, why_exposed
from quote_core.settings import PlatformSettings, SettingsError


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_is_for_everybody(host: str):
    check_exposure(PlatformSettings(), host, variable="SOLQUOTE_HOST")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "a.example"])
def test_elsewhere_somebody_must_be_asked_or_a_setting_say_that_nobody_is(host: str):
    with pytest.raises(SettingsError, match=rf"SOLQUOTE_HOST: {host} is reached .* SOLQUOTE_OPEN_TO_ALL=true"):
        check_exposure(PlatformSettings(), host, variable="SOLQUOTE_HOST")
    for values in ({"open_to_all": True}, {"access_file": "/x"}, {"tls_client_ca": "/x"}):
        assert not why_exposed(PlatformSettings.model_validate(values), host, variable="SOLQUOTE_HOST")
    assert why_exposed(PlatformSettings.model_validate({"tls_certificate": "/x"}), host, variable="SOLQUOTE_HOST")
