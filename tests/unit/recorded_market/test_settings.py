import pytest

from quote_core.settings import SettingsError
from recorded_market.settings import RecordedMarketSettings


def test_defaults_are_the_ports_of_a_validator_and_400_ms_a_slot() -> None:
    settings = RecordedMarketSettings.load(environ={})
    assert (settings.rpc_port, settings.jupiter_port) == (8899, 8898)
    assert settings.slot_time == 400_000_000
    assert (settings.rpc_failure_fraction, settings.jupiter_failure_fraction) == (0.0, 0.0)


def test_the_environment_sets_them() -> None:
    environ = {"SOLQUOTE_RECORDED_MARKET_SEED": "9", "SOLQUOTE_RECORDED_MARKET_SLOT_TIME": "50ms"}
    settings = RecordedMarketSettings.load(environ=environ)
    assert (settings.seed, settings.slot_time) == (9, 50_000_000)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("SLOT_TIME", "0ms"),
        ("SLOT_TIME", "400"),
        ("SEED", "-1"),
        ("RPC_PORT", "70000"),
        ("RPC_PORT", "65535"),
        ("RPC_FAILURE_FRACTION", "1.5"),
        ("JUPITER_REQUESTS_PER_MINUTE", "-1"),
    ],
)
def test_a_wrong_value_names_its_variable(field: str, value: str) -> None:
    name = f"SOLQUOTE_RECORDED_MARKET_{field}"
    with pytest.raises(SettingsError, match=name):
        RecordedMarketSettings.load(environ={name: value})
