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


PREFIX = "SOLQUOTE_EXTERNAL_QUOTE_"
OKX = {f"{PREFIX}OKX_{name}": f"hush {name}" for name in ("API_KEY", "SECRET_KEY", "PASSPHRASE")}


@pytest.mark.parametrize("missing", OKX)
def test_okx_without_one_of_its_secrets_is_refused_by_name_and_no_secret_is_shown(missing: str) -> None:
    environ = {f"{PREFIX}OKX_URL": "https://okx.example", **OKX}
    assert "hush" not in repr(ExternalQuoteSettings.load(environ=environ))
    del environ[missing]
    with pytest.raises(SettingsError, match=f"okx_url is set, and {missing.removeprefix(PREFIX).lower()}") as refused:
        ExternalQuoteSettings.load(environ=environ)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("providers", "rule"),
    [
        ("jupiter, titan", "names titan, which is none of jupiter, quicknode, dflow, okx, raydium"),
        ("jupiter*2+jupiter", "names jupiter twice"),
        ("okx", "raydium_url is set, and providers does not name raydium"),
    ],
)
def test_ranks_that_cannot_be_are_refused_by_their_rule(providers: str, rule: str) -> None:
    environ = {f"{PREFIX}PROVIDERS": providers, f"{PREFIX}RAYDIUM_URL": "https://raydium.example"}
    with pytest.raises(SettingsError, match=rule):
        ExternalQuoteSettings.load(environ=environ)
