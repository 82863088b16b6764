from dataclasses import replace

import pytest

from aggregator.confidence import CAP_LIMITS
from aggregator.settings import AggregatorSettings, too_few_entries
from quote_core.settings import PlatformSettings, SettingsError
from quote_core.watch import DEFAULT_AMOUNTS
from shm import CONTRACT, TableCounts


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


def sizes(entries: str = "2000", slots: str = "512") -> PlatformSettings:
    return PlatformSettings.load(environ={"SOLQUOTE_SHM_ENTRY_COUNT": entries, "SOLQUOTE_SHM_SLOT_COUNT": slots})


def test_the_quote_files_are_of_the_layouts_counts_unless_told_otherwise() -> None:
    platform = PlatformSettings.load(environ={})
    assert TableCounts(platform.shm_entry_count, platform.shm_slot_count) == CONTRACT
    assert (sizes("20000").shm_entry_count, sizes(slots="4096").shm_slot_count) == (20_000, 4_096)


@pytest.mark.parametrize("entries", ["0", "1", "65535", "65536", "-1"])
@pytest.mark.parametrize("slots", ["256", "512", "513", "65536", "131072", "0"])
def test_the_quote_files_can_have_the_counts_that_a_table_can_have(entries: str, slots: str) -> None:
    fault = TableCounts(int(entries), int(slots)).fault()
    if fault is None:
        sizes(entries, slots)
        return
    with pytest.raises(SettingsError) as caught:
        sizes(entries, slots)
    field = {"entries": "SOLQUOTE_SHM_ENTRY_COUNT", "slots": "SOLQUOTE_SHM_SLOT_COUNT"}[fault[0]]
    assert any(mistake.startswith(f"{field}: ") for mistake in caught.value.mistakes)


def test_a_mistaken_size_says_its_rule() -> None:
    with pytest.raises(SettingsError) as caught:
        sizes("70000", "600")
    assert caught.value.mistakes == (
        "SOLQUOTE_SHM_ENTRY_COUNT: Input should be less than or equal to 65535",
        "SOLQUOTE_SHM_SLOT_COUNT: must be a power of two, got 600",
    )


def test_files_with_no_room_for_what_is_watched_are_named() -> None:
    assert too_few_entries(sizes("1200"), pair_count=15) == ""
    assert too_few_entries(sizes("1199"), pair_count=15) == (
        "SOLQUOTE_SHM_ENTRY_COUNT: must be at least 1200, for watched pairs x amounts both ways, got 1199"
    )
