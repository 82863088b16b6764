import pytest

from external_quote.settings import ExternalQuoteSettings
from quote_core.settings import SettingsError


def test_no_provider_is_on_unless_configured() -> None:
    settings = ExternalQuoteSettings.load(environ={})
    assert settings.jupiter_url == ""
    assert settings.requests_per_s == 1.0
    assert (settings.price_ttl, settings.route_ttl) == (10_000_000_000, 30_000_000_000)


def test_price_lifetime_has_the_specifications_own_name_too() -> None:
    settings = ExternalQuoteSettings.load(environ={"EXTERNAL_PRICE_CACHE_TTL": "2s"})
    assert settings.price_ttl == 2_000_000_000


def test_api_key_shows_nowhere() -> None:
    settings = ExternalQuoteSettings.load(environ={"SOLQUOTE_EXTERNAL_QUOTE_JUPITER_API_KEY": "hush"})
    assert "hush" not in repr(settings)


def test_url_without_a_scheme_is_refused() -> None:
    with pytest.raises(SettingsError, match="JUPITER_URL"):
        ExternalQuoteSettings.load(environ={"SOLQUOTE_EXTERNAL_QUOTE_JUPITER_URL": "api.jup.ag"})
