"""The operations runbook: of each alert what it means, where to look, what to do."""

import re
from collections.abc import Iterator

from alerts import GROUPS, Alert, Severity
from dashboards import DASHBOARDS

__all__ = ["runbook_page"]

_HEAD = """\
# Runbook

Every alert of `deploy/prometheus/rules.yml`: what it means, where to look, what to do. An alert's annotation
`runbook_url` leads to its entry here; how alerts reach somebody is in [dashboards.md](dashboards.md). Three severities:
**critical** pages at once, for money or trading is at stake; **warning** is for today; **info** is for whoever asks
what happened.

Commands are typed on the machine of the platform, as its user; `--data-dir` names another platform than the usual one.
Whatever it is, `solquote kill --reason ...` stops trading within 100 ms, and quotes go on. To restart a process, end it
(`solquote status` has its pid): `solquote up` starts it again. SERVICE, STREAM and the like stand for the alert's
labels, `...` for its value.

Made by `make generate` from `deploy/monitoring/alerts.py`; change it there.
"""


def runbook_page() -> str:
    """docs/runbook.md."""
    return _HEAD + "\n" + "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "| critical | warning | info |"
    yield "|---|---|---|"
    yield "| " + " | ".join(", ".join(_links(severity)) for severity in Severity) + " |"
    for group in GROUPS:
        yield f"\n## {group.title}"
        for alert in group.alerts:
            yield from _entry(alert)


def _links(severity: Severity) -> Iterator[str]:
    for group in GROUPS:
        for alert in group.alerts:
            if alert.severity is severity:
                yield f"[{alert.name}](#{alert.name.lower()})"


def _entry(alert: Alert) -> Iterator[str]:
    (dashboard,) = (dashboard for dashboard in DASHBOARDS if dashboard.name == alert.dashboard)
    yield f"\n### {alert.name}"
    lasting = f", after {alert.lasting}" if alert.lasting else ""
    consequence = f", silent while {alert.muted_by} fires" if alert.muted_by else ""
    yield f"*{alert.severity.value.capitalize()}{lasting}{consequence}:* {_spoken(alert.summary)}.\n"
    yield f"- **Means:** {_spoken(alert.meaning)}"
    yield f"- **Look:** dashboard *{dashboard.title}*; {_spoken(alert.look)}"
    yield f"- **Do:** {_spoken(alert.action)}."
    yield "\n```"
    yield alert.promql
    yield "```"


def _spoken(text: str) -> str:
    """Without Prometheus's own marks: a label by its name, the value as dots."""
    named = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda label: label[1].upper(), text)
    return re.sub(r"\{\{ \$value[^}]*\}\}", "...", named)
