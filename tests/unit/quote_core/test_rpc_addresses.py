"""Several endpoints in one setting."""

import pytest

from quote_core.rpc_addresses import RPC_ENDPOINTS_MAX, RpcRole, read_rpc_addresses, ws_url_of
from quote_core.settings import PlatformSettings, SettingsError, load_settings


def test_an_endpoint_is_a_url_with_what_it_is_for_behind_it() -> None:
    first, second = read_rpc_addresses(
        ["https://one.example/k3y", "http://127.0.0.1:8899|weight=3|roles=read,send|ws=wss://two.example/k3y"]
    )
    assert (first.number, first.ws_url, first.weight, first.roles) == (1, "wss://one.example/k3y", 1, set(RpcRole))
    assert (second.number, second.url, second.ws_url) == (2, "http://127.0.0.1:8899", "wss://two.example/k3y")
    assert (second.weight, second.roles) == (3, {RpcRole.READ, RpcRole.SEND})


def test_a_websocket_is_beside_the_url() -> None:
    assert ws_url_of("http://127.0.0.1:8899") == "ws://127.0.0.1:8900"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ftp://k3y.example", "endpoint 1: must begin with a URL"),
        ("https://one.example|k3y=1", "after the URL come |weight=, |roles= and |ws="),
        ("https://one.example|weight=1|weight=2", "each once at most"),
        ("https://one.example|weight=0", "weight must be a whole number from 1 to 100"),
        ("https://one.example|weight=k3y", "weight must be a whole number"),
        ("https://one.example|roles=k3y", "roles must be of read, subscribe, send"),
        ("https://one.example|ws=http://k3y", "ws must be a URL such as wss://"),
        ("https://one.example|roles=send", "no endpoint has the role read"),
        ("https://one.example|roles=read", "no endpoint has the role subscribe"),
        (" ".join(["https://one.example/k3y"] * (RPC_ENDPOINTS_MAX + 1)), "at most 16 endpoints, got 17"),
    ],
)
def test_a_mistake_is_told_without_what_may_be_a_key(text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(PlatformSettings, environ={"SOLQUOTE_RPC_URLS": text})
    assert said in str(caught.value)
    assert "k3y" not in str(caught.value)


def test_one_url_is_an_endpoint_too_and_both_settings_together_are_a_mistake() -> None:
    (only,) = PlatformSettings(rpc_url="https://one.example", rpc_ws_url="wss://ws.example").rpc_addresses()
    assert (only.name, only.ws_url) == ("one.example#1", "wss://ws.example")
    environ = {"SOLQUOTE_RPC_URL": "https://one.example", "SOLQUOTE_RPC_URLS": "https://two.example"}
    with pytest.raises(SettingsError, match="rpc_urls is set, and so is rpc_url"):
        load_settings(PlatformSettings, environ=environ)


def test_the_file_may_have_a_list(tmp_path) -> None:
    path = tmp_path / "solquote.toml"
    path.write_text('[platform]\nrpc_urls = ["https://one.example|weight=2", "https://two.example"]\n')
    read = load_settings(PlatformSettings, environ={"SOLQUOTE_CONFIG": str(path)}).rpc_addresses()
    assert [(address.name, address.weight) for address in read] == [("one.example#1", 2), ("two.example#2", 1)]
