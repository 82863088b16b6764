"""Dashboards, rules and runbook are what deploy/monitoring makes, and show nothing that no process tells."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from fakes.told_series import HISTOGRAM_PARTS, told_series

ROOT: Final = Path(__file__).parents[3]
GRAFANA: Final = ROOT / "deploy" / "grafana"
FILES: Final = sorted((GRAFANA / "dashboards").glob("*.json"))
NAMES: Final = (
    "overview",
    "quotes",
    "confidence",
    "shared-memory",
    "refresh",
    "pipeline",
    "pnl",
    "providers",
    "rpc",
    "nats",
    "system",
)
PROMETHEUS_OWN: Final = {"up", "ALERTS", "scrape_duration_seconds"}
"""Series that Prometheus makes itself."""
NO_SERIES: Final = (
    r"\{[^}]*\}",
    r"\[[^\]]*\]",
    r"\b(?:by|ignoring|on|group_left) \([^)]*\)",
    r"\w+\s*(?=\()",
    r"\b(?:or|and|unless)\b",
    r"\b[0-9][0-9.e]*",
)
"""What in a query is no series: labels, spans, lists of labels, functions, operators, numbers."""
RULES: Final = (ROOT / "deploy" / "prometheus" / "rules.yml").read_text(encoding="utf-8")
COLUMNS: Final = 24


def dashboard_of(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def panels_of(path: Path) -> Iterator[dict[str, Any]]:
    yield from (panel for panel in dashboard_of(path)["panels"] if panel["type"] != "row")


def queries_of(path: Path) -> Iterator[str]:
    yield from (target["expr"] for panel in panels_of(path) for target in panel["targets"])


def series_in(promql: str) -> set[str]:
    """The names that a query asks for."""
    for pattern in NO_SERIES:
        promql = re.sub(pattern, " ", promql)
    return set(re.findall(r"[a-zA-Z_:][\w:]*", promql))


def recorded() -> set[str]:
    return set(re.findall(r"- record: (\S+)", RULES))


def test_what_is_checked_in_is_what_is_made():
    done = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "monitoring"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_there_is_one_for_each_subject():
    assert {path.stem for path in FILES} == set(NAMES)
    assert {path.stem: dashboard_of(path)["uid"] for path in FILES} == {name: f"solquote-{name}" for name in NAMES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_page_says_what_it_shows(path: Path):
    dashboard = dashboard_of(path)
    row = f"| {dashboard['title'].removeprefix('solquote: ')} | {dashboard['description']} |"
    assert row in (ROOT / "docs" / "dashboards.md").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_panel_asks_for_what_some_process_tells(path: Path):
    asked = set().union(*map(series_in, queries_of(path)))
    assert asked
    assert asked - told_series() - recorded() - PROMETHEUS_OWN == set()


def test_every_family_of_every_process_is_on_a_dashboard_or_in_a_rule():
    """Else a metric is added, and nobody sees it."""
    shown = set().union(*(series_in(query) for path in FILES for query in queries_of(path)))
    shown |= set(re.findall(r"\bsolquote_\w+", RULES))
    families = {name for name in told_series() if name.startswith("solquote_") and not name.endswith(HISTOGRAM_PARTS)}
    assert {name for name in families if not shown & {name, *(name + part for part in HISTOGRAM_PARTS)}} == set()


def test_a_name_that_nobody_tells_is_found():
    promql = (
        'sum by (source) (rate(solquote_gone_total{source=~"a|b"}[1m])) / ignoring (x) up or solquote:gone:ratio * 1e9'
    )
    assert series_in(promql) == {"solquote_gone_total", "up", "solquote:gone:ratio"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_panel_says_what_it_shows_and_finds_prometheus_by_the_variable(path: Path):
    dashboard = dashboard_of(path)
    assert dashboard["id"] is None
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    for panel in panels_of(path):
        assert panel["title"]
        assert panel["description"].endswith((".", ")")), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        for told_by in (panel, *panel["targets"]):
            assert told_by["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_two_panels_share_an_id_or_a_place(path: Path):
    panels = dashboard_of(path)["panels"]
    assert [count for count in Counter(panel["id"] for panel in panels).values() if count > 1] == []
    taken = Counter(
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    )
    assert max(taken.values()) == 1
    assert max(x for x, _ in taken) < COLUMNS


def test_prometheus_can_read_every_query(tmp_path: Path):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: apt-get install prometheus)")
    queries = [query.replace("$__rate_interval", "1m") for path in FILES for query in queries_of(path)]
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [promtool, "check", "rules", "rules.yml"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules)} rules found" in done.stdout
