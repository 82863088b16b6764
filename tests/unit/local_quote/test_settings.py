"""The settings' own names, and the specification's."""

import pytest

from local_quote.settings import LocalQuoteSettings
from quote_core.settings import SettingsError

S = 1_000_000_000


def test_the_specifications_names_set_the_intervals() -> None:
    settings = LocalQuoteSettings.load(
        environ={
            "AMM_REFRESH_INTERVAL": "2s",
            "CLMM_REFRESH_INTERVAL": "20s",
            "POOL_CACHE_STALENESS_THRESHOLD": "90s",
            "QUOTE_CACHE_TTL": "500ms",
        }
    )
    assert settings.amm_refresh_interval == 2 * S
    assert settings.clmm_refresh_interval == 20 * S
    assert settings.pool_cache_staleness_threshold == 90 * S
    assert settings.quote_cache_ttl == S // 2


def test_the_defaults_are_the_specifications() -> None:
    settings = LocalQuoteSettings.load(environ={})
    assert settings.grpc_port == 50052
    assert settings.amm_refresh_interval == S
    assert settings.clmm_refresh_interval == 30 * S
    assert settings.clmm_event_driven_interval == 2 * S  # the specification has 5 s: docs/decisions/0012
    assert settings.pool_cache_staleness_threshold == 60 * S
    assert settings.quote_cache_ttl == 2 * S
    assert settings.staleness_sweep_interval == 5 * S
    assert settings.quotes_per_request_max == 2_000


def test_a_staleness_mark_beyond_the_refusal_is_a_mistake() -> None:
    with pytest.raises(SettingsError, match="stale_after must not be above"):
        LocalQuoteSettings.load(environ={"SOLQUOTE_LOCAL_QUOTE_STALE_AFTER": "61s"})


def test_rows_are_direct_unless_told_otherwise_and_no_longer_than_what_is_searched() -> None:
    assert LocalQuoteSettings.load(environ={}).row_hop_count_max == 1
    for hop_count_max in ("0", "4"):
        with pytest.raises(SettingsError, match="SOLQUOTE_LOCAL_QUOTE_ROW_HOP_COUNT_MAX"):
            LocalQuoteSettings.load(environ={"SOLQUOTE_LOCAL_QUOTE_ROW_HOP_COUNT_MAX": hop_count_max})
    shorter = {
        "SOLQUOTE_LOCAL_QUOTE_ROW_HOP_COUNT_MAX": "3",
        "SOLQUOTE_LOCAL_QUOTE_ROUTE_SEARCH_HOP_COUNT_MAX": "2",
    }
    with pytest.raises(SettingsError, match="row_hop_count_max must not be above route_search_hop_count_max"):
        LocalQuoteSettings.load(environ=shorter)


def test_limits_an_aggregator_with_larger_files_would_meet_are_named() -> None:
    settings = LocalQuoteSettings.load(environ={"SOLQUOTE_LOCAL_QUOTE_TABLE_ROW_COUNT_MAX": "10000"})
    assert list(settings.too_low(2_000)) == []
    assert list(settings.too_low(10_000)) == [
        "SOLQUOTE_LOCAL_QUOTE_QUOTES_PER_REQUEST_MAX: must be at least SOLQUOTE_SHM_ENTRY_COUNT, which is 10000, "
        "got 2000"
    ]
    assert len(list(settings.too_low(10_001))) == 2
    narrow = LocalQuoteSettings.load(environ={"SOLQUOTE_LOCAL_QUOTE_QUOTES_PER_REQUEST_MAX": "500"})
    assert list(narrow.too_low(2_000)) == []  # an operator's bound on the usual table stays what it is
