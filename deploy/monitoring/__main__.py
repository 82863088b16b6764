"""Write dashboards, rules, runbook and compose's Prometheus from what is declared here, or check that they are current.

python deploy/monitoring           write them
python deploy/monitoring --check   exit 1 when one differs, or is there and no longer made
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from dashboards import DASHBOARDS
from grafana import dashboard_json
from mimir import with_mimir
from rules import rules_yaml
from runbook import runbook_page

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD_FOLDER = ROOT / "deploy" / "grafana" / "dashboards"
PROMETHEUS_FOLDER = ROOT / "deploy" / "prometheus"


def main() -> int:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    made = dict(files())
    left_over = sorted(set(DASHBOARD_FOLDER.glob("*.json")) - set(made))
    stale = [path for path, text in made.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if parser.parse_args().check:
        for path in [*stale, *left_over]:
            print(f"stale: {path.relative_to(ROOT)}; run `make generate`", file=sys.stderr)
        return 1 if stale or left_over else 0
    DASHBOARD_FOLDER.mkdir(exist_ok=True)
    for path in left_over:
        path.unlink()
    for path in stale:
        path.write_text(made[path], encoding="utf-8")
    return 0


def files() -> Iterator[tuple[Path, str]]:
    """All that is made, by where it belongs."""
    for dashboard in DASHBOARDS:
        yield DASHBOARD_FOLDER / f"{dashboard.name}.json", dashboard_json(dashboard)
    yield PROMETHEUS_FOLDER / "rules.yml", rules_yaml()
    yield ROOT / "docs" / "runbook.md", runbook_page()
    prometheus = PROMETHEUS_FOLDER / "prometheus.yml"
    yield PROMETHEUS_FOLDER / "with-mimir.yml", with_mimir(prometheus.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
