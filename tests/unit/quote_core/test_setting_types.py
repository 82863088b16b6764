from pathlib import Path
from typing import ClassVar

import pytest

from quote_core.settings import FilePath, Host, HttpUrl, PlatformSettings, Secret, ServiceSettings, SettingsError


class Demo(ServiceSettings):
    section: ClassVar[str] = "demo"

    host: Host = "127.0.0.1"
    url: HttpUrl = ""
    key: Secret | None = None
    folder: FilePath | None = None


def load(**values: str) -> Demo:
    return Demo.load(environ={f"SOLQUOTE_DEMO_{field.upper()}": value for field, value in values.items()})


@pytest.mark.parametrize("nothing", ["", " ", "\n"])
def test_an_empty_or_blank_variable_is_not_set_whatever_the_setting_is(nothing: str):
    assert load(host=nothing, url=nothing, key=nothing, folder=nothing) == Demo()
    assert load(host=nothing, folder=nothing).model_fields_set == set()


@pytest.mark.parametrize(
    ("written", "host"),
    [
        ("localhost ", "localhost"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("0:0:0:0:0:0:0:1", "::1"),
        ("db_1.lan", "db_1.lan"),
    ],
)
def test_a_host_is_an_address_or_a_name(written: str, host: str):
    assert load(host=written).host == host


@pytest.mark.parametrize(
    "written", ["local host", "127.0.0.1:80", "[localhost]", "256.0.0.1", "http://x", "a..b", "-a"]
)
def test_a_host_that_is_none_is_refused_by_the_name_of_its_setting(written: str):
    with pytest.raises(SettingsError, match=r"^SOLQUOTE_DEMO_HOST: must be an IP address or a host's name"):
        load(host=written)


@pytest.mark.parametrize(
    ("written", "address"), [("h:1 ", "h:1"), ("[::1]:50051", "[::1]:50051"), ("127.0.0.1:0", "127.0.0.1:0")]
)
def test_an_address_is_host_and_port(written: str, address: str):
    assert PlatformSettings.load(environ={"SOLQUOTE_AGGREGATOR_ADDRESS": written}).aggregator_address == address


@pytest.mark.parametrize("written", ["::1:50051", "h", "h:", "h:65536", ":1", "h:١", "h h:1"])
def test_an_address_that_is_none_is_refused(written: str):
    with pytest.raises(SettingsError, match=r"^SOLQUOTE_AGGREGATOR_ADDRESS: must be"):
        PlatformSettings.load(environ={"SOLQUOTE_AGGREGATOR_ADDRESS": written})


@pytest.mark.parametrize("written", ["ftp://x", "http://", "http://h:port", "http://[::1", "http://h/a b", "h:80"])
def test_a_url_that_is_none_is_refused_and_not_shown(written: str):
    with pytest.raises(SettingsError) as caught:
        load(url=written)
    assert str(caught.value) == "SOLQUOTE_DEMO_URL: must be a URL such as http://host:port, without blanks"


def test_a_secret_that_was_read_from_a_file_loses_its_line_end():
    key = load(key="abc\n").key
    assert key is not None
    assert key.get_secret_value() == "abc"


@pytest.mark.parametrize("written", ["hunter2\nSOLQUOTE_X=1", "hunter2é", "hunter\t2"])
def test_a_secret_that_fits_in_no_header_is_refused_and_not_shown(written: str):
    with pytest.raises(SettingsError) as caught:
        load(key=written)
    assert str(caught.value).startswith("SOLQUOTE_DEMO_KEY: must be one line")
    assert "hunter" not in str(caught.value)


def test_a_path_may_have_accents_and_blanks_and_begin_with_the_home_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", "/home/josé")
    assert load(folder="/a b/ü").folder == Path("/a b/ü")
    assert load(folder="~/x").folder == Path("/home/josé/x")


def test_a_home_folder_that_is_not_there_is_a_sentence():
    with pytest.raises(SettingsError, match="SOLQUOTE_DEMO_FOLDER: there is no home folder for ~nobody-of-this-name/x"):
        load(folder="~nobody-of-this-name/x")


def test_a_path_that_is_empty_in_the_file_is_refused(tmp_path: Path):
    config = tmp_path / "solquote.toml"
    config.write_text("[demo]\nfolder = ''\n")
    with pytest.raises(SettingsError, match="must name a file or folder"):
        Demo.load(environ={"SOLQUOTE_CONFIG": str(config)})


@pytest.mark.parametrize(
    "written",
    [
        "redis://cache",
        "redis://cache:6379",
        "redis://cache:6379/",
        "redis://:secret@[::1]:6379/15",
        "rediss://me:x@cache/0",
    ],
)
def test_redis_is_named_by_a_url_with_the_number_of_a_database_at_most(written: str):
    assert PlatformSettings.load(environ={"SOLQUOTE_REDIS_URL": written}).redis_url == written


@pytest.mark.parametrize(
    "written",
    [
        "cache:6379",
        "http://cache",
        "unix:///run/redis.sock",
        "redis://",
        "redis://cache:70000",
        "redis://cache/name",
        "redis://cache/0/1",
        "redis://cache/?ssl_cert_reqs=none",
        "redis://cache#0",
    ],
)
def test_what_would_be_no_redis_or_one_that_is_not_looked_at_closely_is_refused(written: str):
    with pytest.raises(SettingsError, match=r"^SOLQUOTE_REDIS_URL: must be redis://host:port/0, or rediss://"):
        PlatformSettings.load(environ={"SOLQUOTE_REDIS_URL": written})


@pytest.mark.parametrize(
    ("field", "written"), [("PREFIX", "a:b"), ("PREFIX", "{x}"), ("TIMEOUT", "2s"), ("TIMEOUT", "0ms")]
)
def test_what_redis_must_not_be_told_is_refused(field: str, written: str):
    with pytest.raises(SettingsError, match=rf"^SOLQUOTE_REDIS_{field}: "):
        PlatformSettings.load(environ={f"SOLQUOTE_REDIS_{field}": written})
