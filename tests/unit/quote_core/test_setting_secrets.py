"""Every setting that may hold a secret is known to the masking of logs."""

from typing import ClassVar

import pytest
from pydantic import SecretStr

from external_quote.settings import ExternalQuoteSettings
from pipeline.history.settings import HistorySettings
from quote_core.setting_secrets import secrets_in
from quote_core.settings import PlatformSettings, Secret, ServiceSettings

KEY = "0123456789abcdef"


class Settings(ServiceSettings):
    section: ClassVar[str] = "secretive"

    key: Secret | None = None


@pytest.mark.parametrize(
    "url",
    [
        f"https://node.example/{KEY}",
        f"https://node.example/v2/{KEY}/",
        f"https://node.example/?api-key={KEY}",
        f"https://{KEY}@node.example/",
        f"https://somebody:{KEY}@node.example/",
    ],
)
def test_a_key_is_found_wherever_a_provider_puts_it_into_a_url(url: str):
    for field in ("rpc_url", "rpc_ws_url", "nats_url", "trace_endpoint"):
        of_field = url.replace("https", {"rpc_ws_url": "wss", "nats_url": "nats"}.get(field, "https"))
        assert KEY in set(secrets_in(PlatformSettings(**{field: of_field})))
    assert KEY in set(secrets_in(ExternalQuoteSettings(jupiter_url=url)))
    assert {KEY, url} <= set(secrets_in(Settings(key=SecretStr(url))))
    for several in (f"{url}|weight=2 https://two.example", f"https://two.example|ws={url.replace('https', 'wss')}"):
        assert KEY in set(secrets_in(PlatformSettings(rpc_urls=several)))


def test_each_of_several_servers_is_looked_at():
    urls = f"nats://one.example:4222,nats://me:{KEY}-one@two.example:4222,tls://me:{KEY}-two@three.example:4222"
    assert {f"{KEY}-one", f"{KEY}-two"} <= set(secrets_in(PlatformSettings(nats_url=urls)))


def test_secret_settings_and_the_headers_of_otlp_are_found_and_nothing_that_is_none():
    assert set(secrets_in(Settings(key=SecretStr(KEY)))) >= {KEY}
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": f"x-scope=me,authorization=Bearer%20{KEY}"}
    assert KEY in set(secrets_in(environ=environ))
    defaults = set(secrets_in(PlatformSettings(), ExternalQuoteSettings(), environ={}))
    assert not any(defaults)


def test_of_a_database_s_url_the_password_is_a_secret_and_its_names_are_not():
    written = HistorySettings(
        url="postgresql://solquote:pass%20word@db.example:5432/solquote_history?sslpassword=other"
    )
    assert set(secrets_in(written, environ={})) >= {"pass%20word", "pass word", "other"}
    assert {"solquote", "solquote_history"}.isdisjoint(secrets_in(written, environ={}))
    for scheme in ("redis", "rediss"):
        cache = PlatformSettings(redis_url=f"{scheme}://default:pass%20word@cache.example:6379/1")
        assert set(secrets_in(cache, environ={})) >= {"pass%20word", "pass word"}
        assert "default" not in set(secrets_in(cache, environ={}))


def test_a_secret_that_only_looks_like_a_url_is_hidden_whole():
    assert set(secrets_in(Settings(key=SecretStr(f"https://[{KEY}")), environ={})) - {""} == {f"https://[{KEY}"}


def test_every_setting_that_holds_a_url_is_looked_at():
    """A new one is found by its value, so this holds only that URLs are still written as one text, secret or not."""
    urls = [
        name
        for model in ServiceSettings.__subclasses__()
        for name, info in model.model_fields.items()
        if name.endswith(("_url", "_endpoint")) and info.annotation not in {str, Secret | None}
    ]
    assert urls == []
