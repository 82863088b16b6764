import pytest

from aggregator.amounts import DEFAULT_AMOUNTS
from aggregator.settings import AggregatorSettings
from quote_core.settings import SettingsError


def load(**environ: str) -> AggregatorSettings:
    return AggregatorSettings.load(environ={f"SOLQUOTE_AGGREGATOR_{name}": value for name, value in environ.items()})


def test_defaults_are_those_of_the_specification() -> None:
    settings = load()
    assert (settings.grpc_port, settings.http_port) == (50051, 8080)
    assert settings.amounts == DEFAULT_AMOUNTS
    assert (settings.local_timeout, settings.external_timeout) == (10_000_000, 100_000_000)


def test_amounts_are_written_with_commas_or_spaces() -> None:
    assert load(AMOUNTS="1000, 2000 3000").amounts == (1_000, 2_000, 3_000)


@pytest.mark.parametrize("value", ["", "0", "1000,-1", "1.5", "x"])
def test_wrong_amounts_are_one_clear_mistake(value: str) -> None:
    with pytest.raises(SettingsError, match="SOLQUOTE_AGGREGATOR_AMOUNTS"):
        load(AMOUNTS=value)
