from pathlib import Path

from solquote.metrics_places import metrics_urls
from solquote.processes import SERVICES


def test_where_nothing_runs_the_settings_say_where_it_would_be(tmp_path: Path):
    environ = {"SOLQUOTE_DATA_DIR": str(tmp_path), "SOLQUOTE_SCANNER_METRICS_PORT": "9999"}
    urls = metrics_urls(environ)
    assert set(urls) == {service.name for service in SERVICES} - {"notifier"}
    assert (urls["scanner"], urls["planner"]) == ("http://127.0.0.1:9999/metrics", "http://127.0.0.1:9110/metrics")


def test_what_is_not_started_here_has_none(tmp_path: Path):
    environ = {"SOLQUOTE_DATA_DIR": str(tmp_path), "SOLQUOTE_RPC_URL": "https://node.example"}
    assert {service.name for service in SERVICES} - set(metrics_urls(environ)) == {"recorded_market", "notifier"}
    environ["SOLQUOTE_NOTIFIER_SLACK_URL"] = "https://hooks.example/services/secret"
    assert {service.name for service in SERVICES} - set(metrics_urls(environ)) == {"recorded_market"}
