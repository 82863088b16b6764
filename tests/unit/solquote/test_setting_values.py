"""Every value with who set it, and nothing in it that must not be shown."""

from pathlib import Path
from typing import ClassVar

from quote_core.settings import Duration, HttpUrl, Secret, SecretStr, ServiceSettings, read_section
from solquote.setting_values import SettingValue, values_of


class Shown(ServiceSettings):
    section: ClassVar[str] = "shown"

    delay: Duration = "500ms"
    url: HttpUrl = ""
    key: Secret = SecretStr("")
    spare_key: Secret | None = None


def values(environ: dict[str, str], own: dict[str, str] | None = None) -> dict[str, SettingValue]:
    settings = read_section(Shown, environ)
    return {one.field: one for one in values_of(settings, environ, own=environ if own is None else own)}


def test_each_has_its_value_and_where_that_is_from_those_that_are_set_first(tmp_path: Path):
    file = tmp_path / "solquote.toml"
    file.write_text("[shown]\ndelay = '2s'\n")
    own = {"SOLQUOTE_CONFIG": str(file)}
    found = values({**own, "SOLQUOTE_SHOWN_URL": "http://h:1/"}, own)
    assert {field: (one.shown, one.origin) for field, one in found.items()} == {
        "delay": ("2s", f"[shown] of {file}"),
        "url": ("http://h:1", "the platform that runs"),
        "key": ("", "default"),
        "spare_key": ("", "default"),
    }
    assert list(found) == ["delay", "url", "key", "spare_key"]
    assert values({})["delay"] == SettingValue(
        section="shown", field="delay", variable="SOLQUOTE_SHOWN_DELAY", shown="500ms", origin="default"
    )


def test_secrets_and_keys_in_urls_are_not_shown():
    found = values(
        {
            "SOLQUOTE_SHOWN_KEY": "hush",
            "SOLQUOTE_SHOWN_SPARE_KEY": "hush",
            "SOLQUOTE_SHOWN_URL": "https://hush:hush@h.example/hush?key=hush",
        }
    )
    assert {one.shown for one in found.values()} == {"(secret)", "https://h.example", "500ms"}
