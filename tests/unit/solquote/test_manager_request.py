"""What is read without the settings' models is what they say."""

from pathlib import Path

import pytest

from pipeline.system_manager.settings import SystemManagerSettings
from quote_core.settings import PlatformSettings
from solquote.manager_request import DEFAULTS, find_manager

MODELS = {model.section: model for model in (PlatformSettings, SystemManagerSettings)}


@pytest.mark.parametrize("section_and_name", DEFAULTS)
def test_the_defaults_are_the_models_own(section_and_name: tuple[str, str]):
    section, name = section_and_name
    assert str(MODELS[section].model_fields[name].default) == DEFAULTS[section_and_name]


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"XDG_STATE_HOME": "/state"},
        {"SOLQUOTE_DATA_DIR": "~/data"},
        {"SOLQUOTE_SYSTEM_MANAGER_HTTP_HOST": "127.0.0.2", "SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT": "1234"},
        {"SOLQUOTE_SYSTEM_MANAGER_TOKEN_FILE": "/run/token"},
        {
            "SOLQUOTE_SYSTEM_MANAGER_HTTP_HOST": "[::1]",
            "SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT": "",
            "SOLQUOTE_DATA_DIR": " ",
        },
        {"SOLQUOTE_SYSTEM_MANAGER_TOKEN_FILE": "~/token\n"},
    ],
)
@pytest.mark.parametrize("with_file", [True, False])
def test_the_manager_is_where_the_models_find_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], with_file: bool
):
    if with_file:
        config = tmp_path / "config.toml"
        config.write_text('[platform]\ndata_dir = "/from/file"\n[system_manager]\nhttp_port = 77\n')
        environ = environ | {"SOLQUOTE_CONFIG": str(config)}
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if "XDG_STATE_HOME" in environ:
        monkeypatch.setenv("XDG_STATE_HOME", environ["XDG_STATE_HOME"])
    platform, settings = PlatformSettings.load(environ=environ), SystemManagerSettings.load(environ=environ)
    found = find_manager(environ)
    assert (found.host, found.port) == (settings.http_host, settings.http_port)
    assert found.token_path == settings.token_path(platform)
    assert found.notes == ()


def test_a_port_that_is_none_is_told_and_the_default_taken():
    found = find_manager({"SOLQUOTE_SYSTEM_MANAGER_HTTP_PORT": "many"})
    assert found.port == 9091
    assert "many" in found.notes[0]
