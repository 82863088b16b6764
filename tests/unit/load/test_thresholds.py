from pathlib import Path

import pytest
from load.profiles import PROFILES
from load.thresholds import findings_of, load_thresholds, rate_of, stats_of

LIMITS = Path(__file__).parents[2] / "load" / "thresholds.json"


def test_every_profile_has_limits_and_every_limit_a_profile():
    assert set(load_thresholds(LIMITS)) == set(PROFILES)


def test_a_limit_is_kept_missed_or_not_measured():
    metrics = {"read_us": {"med": 0.5, "p(99)": 7.0}, "checks": {"rate": 1.0}}
    limits = {"read_us": ["med<1", "p(99)<5"], "checks": ["rate==1"], "restarts": ["count==0"]}
    assert [(each.metric, each.figure, each.is_kept) for each in findings_of(metrics, limits)] == [
        ("read_us", 0.5, True),
        ("read_us", 7.0, False),
        ("checks", 1.0, True),
        ("restarts", None, False),
    ]


def test_what_is_no_limit_is_refused_by_name(tmp_path: Path):
    path = tmp_path / "limits.json"
    path.write_text('{"unary": {"checks": ["rate about 1"]}}')
    with pytest.raises(ValueError, match="unary: checks: 'rate about 1' is no limit"):
        load_thresholds(path)


def test_figures_of_samples_are_nearest_ranks():
    stats = stats_of([float(number) for number in range(1, 201)])
    assert stats == {"min": 1, "med": 100.5, "p(95)": 190, "p(99)": 198, "max": 200}
    assert stats_of([]) == rate_of(0, 0) == {}
    assert rate_of(1, 4) == {"rate": 0.25}
