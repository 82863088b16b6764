from dataclasses import replace

import pytest

from aggregator.confidence import CAP_LIMITS
from aggregator.settings import AggregatorSettings
from quote_core.settings import PlatformSettings, SettingsError
from quote_core.watch import DEFAULT_AMOUNTS


def amounts(value: str) -> tuple[int, ...]:
    return PlatformSettings.load(environ={"SOLQUOTE_AGGREGATOR_AMOUNTS": value}).watched_amounts


def test_defaults_are_those_of_the_specification() -> None:
    settings = AggregatorSettings.load(environ={"SOLQUOTE_AGGREGATOR_AMOUNTS": "1"})
    assert (settings.grpc_port, settings.http_port) == (50051, 8080)
    assert (settings.local_timeout, settings.external_timeout) == (10_000_000, 100_000_000)
    assert PlatformSettings.load(environ={}).watched_amounts == DEFAULT_AMOUNTS


def test_amounts_are_written_with_commas_or_spaces() -> None:
    assert amounts("1000, 2000 3000") == (1_000, 2_000, 3_000)


@pytest.mark.parametrize("value", ["0", "1000,-1", "1.5", "x"])
def test_wrong_amounts_are_one_clear_mistake(value: str) -> None:
    with pytest.raises(SettingsError, match="SOLQUOTE_AGGREGATOR_AMOUNTS"):
        amounts(value)


def test_caps_are_set_in_basis_points() -> None:
    settings = AggregatorSettings.load(environ={"SOLQUOTE_AGGREGATOR_IMPACT_SKIP_BPS": "300"})
    assert settings.cap_limits() == replace(CAP_LIMITS, impact_skip=0.03)


def test_origins_are_written_with_commas_and_checked() -> None:
    def origins(value: str) -> tuple[str, ...]:
        return AggregatorSettings.load(environ={"SOLQUOTE_AGGREGATOR_CORS_ORIGINS": value}).cors_origins

    assert origins("") == ()
    assert origins("*") == ("*",)
    assert origins("https://app.example, http://localhost:3000") == ("https://app.example", "http://localhost:3000")
    for wrong in ("app.example", "https://app.example/", "https://a b", "null", "ftp://x"):
        with pytest.raises(SettingsError, match="SOLQUOTE_AGGREGATOR_CORS_ORIGINS"):
            origins(wrong)
