"""The rules as Prometheus reads them. YAML by hand: its library is not among what the project needs."""

import json
from collections.abc import Iterator

from alerts import GROUPS, RECORDED, Alert, Recorded

__all__ = ["rules_yaml"]

_HEAD = """\
# What is worth a wake-up (critical), a look today (warning), knowing (info), or a line on a dashboard (recorded).
# Made by `make generate` from deploy/monitoring/alerts.py; change it there.
groups:
"""


def rules_yaml() -> str:
    """deploy/prometheus/rules.yml."""
    return _HEAD + "\n".join(_groups()) + "\n"


def _groups() -> Iterator[str]:
    yield "  - name: solquote.recorded"
    yield "    rules:"
    for recorded in RECORDED:
        yield from _recorded(recorded)
    for group in GROUPS:
        yield ""
        yield f"  - name: {group.name}"
        yield "    rules:"
        for alert in group.alerts:
            yield from _alert(alert)


def _recorded(recorded: Recorded) -> Iterator[str]:
    yield f"      - record: {recorded.name}"
    yield from _expression(recorded.promql)


def _alert(alert: Alert) -> Iterator[str]:
    yield f"      - alert: {alert.name}"
    yield from _expression(alert.promql)
    if alert.lasting:
        yield f"        for: {alert.lasting}"
    yield "        labels:"
    yield f"          severity: {alert.severity.value}"
    if alert.muted_by:
        yield f"          muted_by: {alert.muted_by}"
    yield "        annotations:"
    yield f"          summary: {_text(alert.summary)}"
    yield f"          action: {_text(alert.action)}"
    yield f"          runbook_url: {_text(f'docs/runbook.md#{alert.name.lower()}')}"


def _expression(promql: str) -> Iterator[str]:
    yield "        expr: |"
    for line in promql.splitlines():
        yield f"          {line}"


def _text(value: str) -> str:
    """A JSON string is one of YAML's double-quoted ones."""
    return json.dumps(value, ensure_ascii=False)
