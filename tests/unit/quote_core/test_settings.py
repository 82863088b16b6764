from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import AliasChoices, Field

from quote_core.settings import (
    Duration,
    PlatformSettings,
    Port,
    SecretStr,
    ServiceSettings,
    SettingsError,
    environment_name,
    load_settings,
)


class Demo(ServiceSettings):
    section: ClassVar[str] = "demo"

    port: Port = 50000
    interval: Duration = Field("1s", validation_alias=AliasChoices("interval", "DEMO_REFRESH_INTERVAL"))
    token: SecretStr = SecretStr("")


def config(tmp_path: Path, text: str) -> dict[str, str]:
    path = tmp_path / "solquote.toml"
    path.write_text(text)
    return {"SOLQUOTE_CONFIG": str(path)}


def test_defaults_hold_where_nothing_is_set():
    settings = load_settings(Demo, environ={})
    assert (settings.port, settings.interval) == (50000, 1_000_000_000)


def test_the_environment_wins_over_the_file(tmp_path: Path):
    environ = config(tmp_path, "[demo]\nport = 1\ninterval = '2s'\n") | {"SOLQUOTE_DEMO_PORT": "2"}
    settings = load_settings(Demo, environ=environ)
    assert (settings.port, settings.interval) == (2, 2_000_000_000)


def test_the_specification_s_own_name_is_read_too():
    assert load_settings(Demo, environ={"DEMO_REFRESH_INTERVAL": "30ms"}).interval == 30_000_000


def test_every_mistake_is_reported_at_once_with_its_origin(tmp_path: Path):
    environ = config(tmp_path, "[demo]\ninterval = 'soon'\nprot = 3\n") | {"SOLQUOTE_DEMO_PORT": "70000"}
    with pytest.raises(SettingsError) as caught:
        load_settings(Demo, environ=environ)
    text = str(caught.value)
    assert len(caught.value.mistakes) == 3
    assert "SOLQUOTE_DEMO_PORT: Input should be less than or equal to 65535" in text
    file = environ["SOLQUOTE_CONFIG"]
    assert f"{file} [demo] interval: must be a duration such as 500ms" in text
    assert f"{file} [demo] prot: no such setting; did you mean port?" in text


def test_an_unknown_variable_of_the_section_names_its_nearest_relative():
    with pytest.raises(SettingsError, match="SOLQUOTE_DEMO_PROT: no such setting; did you mean SOLQUOTE_DEMO_PORT"):
        load_settings(Demo, environ={"SOLQUOTE_DEMO_PROT": "1"})


def test_a_name_that_nobody_knows_is_refused_whoever_loads(tmp_path: Path):
    environ = config(tmp_path, "[demo]\nport = 1\n[agregator]\nhttp_port = 1\n") | {
        "SOLQUOTE_AGGREGATOR_HTTP_PROT": "1"
    }
    for model in (Demo, PlatformSettings):
        with pytest.raises(SettingsError) as caught:
            load_settings(model, environ=environ)
        assert caught.value.mistakes == (
            "SOLQUOTE_AGGREGATOR_HTTP_PROT: no such setting; did you mean SOLQUOTE_AGGREGATOR_HTTP_PORT?",
            f"{environ['SOLQUOTE_CONFIG']} [agregator]: no such setting; did you mean [aggregator]?",
        )


def test_a_neighbour_s_setting_is_nobody_s_mistake(tmp_path: Path):
    environ = config(tmp_path, "[aggregator]\nhttp_port = 1\n") | {"SOLQUOTE_SCANNER_QUOTE_AGE_MAX": "1s"}
    load_settings(Demo, environ=environ | {"SOLQUOTE_BUILD": "debug"})


def test_a_shared_variable_that_begins_like_a_section_is_not_taken_for_the_section_s_own():
    class LocalQuote(ServiceSettings):
        section: ClassVar[str] = "local_quote"

    load_settings(LocalQuote, environ={"SOLQUOTE_LOCAL_QUOTE_ADDRESS": "127.0.0.1:1"})


@pytest.mark.parametrize(
    ("text", "message"), [("[demo", "is not TOML"), ("demo = 3", "must be a table"), ("[demo]\ninterval = 5", "a unit")]
)
def test_a_broken_file_is_a_sentence(tmp_path: Path, text: str, message: str):
    with pytest.raises(SettingsError, match=message):
        load_settings(Demo, environ=config(tmp_path, text))


def test_a_missing_file_is_a_sentence(tmp_path: Path):
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(Demo, environ={"SOLQUOTE_CONFIG": str(tmp_path / "absent.toml")})


def test_a_secret_does_not_show():
    settings = load_settings(Demo, environ={"SOLQUOTE_DEMO_TOKEN": "hunter2"})
    assert "hunter2" not in repr(settings)
    assert settings.token.get_secret_value() == "hunter2"


def test_platform_variables_carry_no_section():
    assert environment_name("platform", "rpc_url") == "SOLQUOTE_RPC_URL"
    assert environment_name("demo", "port") == "SOLQUOTE_DEMO_PORT"


@pytest.mark.parametrize(
    ("rpc_url", "rpc_ws_url", "expected"),
    [
        ("http://127.0.0.1:8899", "", "ws://127.0.0.1:8900"),
        ("https://node.example/key", "", "wss://node.example/key"),
        ("http://127.0.0.1:8899", "ws://other:1", "ws://other:1"),
    ],
)
def test_the_websocket_url_follows_from_the_rpc_url(rpc_url: str, rpc_ws_url: str, expected: str):
    assert PlatformSettings(rpc_url=rpc_url, rpc_ws_url=rpc_ws_url).rpc_addresses()[0].ws_url == expected
