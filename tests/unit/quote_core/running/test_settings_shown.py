from pathlib import Path

import pytest

from external_quote.settings import ExternalQuoteSettings
from quote_core.running.settings_shown import (
    SETTINGS_NAME,
    SettingShown,
    read_settings,
    settings_content,
    shown_settings,
)
from quote_core.settings import PlatformSettings


def shown(environ: dict[str, str], variable: str, *, own: dict[str, str] | None = None) -> SettingShown:
    models = (PlatformSettings, ExternalQuoteSettings)
    (found,) = (each for each in shown_settings(models, environ, own=own) if each.variable == variable)
    return found


def test_what_nobody_set_has_its_default_and_no_origin() -> None:
    found = shown({}, "SOLQUOTE_MANAGER_SILENCE_MAX")
    assert (found.section, found.value, found.origin) == ("platform", "3s", "")
    assert found.description.startswith("Trading stops")


def test_what_is_set_is_shown_as_it_was_written_with_who_set_it(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[platform]\nlog_level = "debug"\n')
    environ = {"SOLQUOTE_CONFIG": str(file), "SOLQUOTE_HOST": "::1", "SOLQUOTE_SHM_DIR": "/dev/shm/x"}
    own = {"SOLQUOTE_CONFIG": str(file), "SOLQUOTE_HOST": "::1"}
    assert shown(environ, "SOLQUOTE_HOST", own=own).origin == "SOLQUOTE_HOST"
    assert shown(environ, "SOLQUOTE_SHM_DIR", own=own).origin == "solquote up"
    from_file = shown(environ, "SOLQUOTE_LOG_LEVEL", own=own)
    assert (from_file.value, "[platform]" in from_file.origin) == ("debug", True)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SOLQUOTE_EXTERNAL_QUOTE_JUPITER_API_KEY", "k3y-of-mine"),
        ("SOLQUOTE_RPC_URL", "https://rpc.example/k3y-of-mine"),
        ("SOLQUOTE_RPC_URL", "https://rpc.example/?api-key=k3y-of-mine"),
        ("SOLQUOTE_RPC_WS_URL", "wss://k3y-of-mine@rpc.example"),
        ("SOLQUOTE_NATS_URL", "nats://user:k3y-of-mine@bus.example:4222"),
        ("SOLQUOTE_RPC_URL", "https://rpc.example:k3y-of-mine"),
        ("SOLQUOTE_RPC_URLS", "https://rpc.example/k3y-of-mine|weight=2 https://two.example/?k3y-of-mine"),
        ("SOLQUOTE_RPC_URLS", "https://rpc.example|ws=wss://rpc.example/k3y-of-mine|roles=read"),
        ("SOLQUOTE_RPC_URLS", "https://rpc.example/a,k3y-of-mine|k3y-of-mine=1|weight=k3y-of-mine"),
    ],
)
def test_what_may_be_a_secret_is_not_shown(variable: str, value: str) -> None:
    found = shown({variable: value}, variable)
    assert "k3y-of-mine" not in settings_content([found]).decode()
    assert found.value
    assert found.origin == variable


def test_of_several_endpoints_all_is_shown_but_what_may_be_a_key() -> None:
    text = "https://one.example/k3y|weight=2 http://127.0.0.1:8899|roles=read,send|ws=wss://two.example/k3y"
    masked = "https://one.example/...|weight=2 http://127.0.0.1:8899|roles=read,send|ws=wss://two.example/..."
    assert shown({"SOLQUOTE_RPC_URLS": text}, "SOLQUOTE_RPC_URLS").value == masked


def test_a_url_without_anything_secret_is_shown_whole() -> None:
    assert shown({"SOLQUOTE_RPC_URL": "http://127.0.0.1:8899"}, "SOLQUOTE_RPC_URL").value == "http://127.0.0.1:8899"


def test_what_was_written_is_what_is_read_and_a_damaged_file_is_nothing(tmp_path: Path) -> None:
    settings = tuple(shown_settings([PlatformSettings], {"SOLQUOTE_HOST": "::1"}))
    assert read_settings(tmp_path) == ()
    (tmp_path / SETTINGS_NAME).write_bytes(settings_content(settings))
    assert read_settings(tmp_path) == settings
    for damaged in (b"", b"[1]", b"{}", settings_content(settings)[:-5], b'[{"section": "x"}]'):
        (tmp_path / SETTINGS_NAME).write_bytes(damaged)
        assert read_settings(tmp_path) == ()
