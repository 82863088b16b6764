"""A dashboard as Grafana's classic JSON model, which every version from 10 on can be provisioned with."""

import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

from panels import Dashboard, Kind, Panel, Query, Row

__all__ = ["dashboard_json"]

SCHEMA_VERSION: Final = 42
"""grafana/grafana: apps/dashboard/pkg/migration/schemaversion, LATEST_VERSION."""
COLUMNS: Final = 24
TAG: Final = "solquote"
DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
"""By variable: whoever has several Prometheus servers chooses above the dashboard."""

_Json = dict[str, Any]


def dashboard_json(dashboard: Dashboard) -> str:
    """The file."""
    return json.dumps(_dashboard(dashboard), indent=1, ensure_ascii=False) + "\n"


def _dashboard(dashboard: Dashboard) -> _Json:
    return {
        "annotations": {"list": [_CRITICAL]},
        "description": dashboard.about,
        "editable": False,
        "graphTooltip": 1,  # one moment is pointed out in all panels
        "id": None,  # Grafana's database gives it one
        "links": [
            {
                "asDropdown": True,
                "includeVars": False,
                "keepTime": True,
                "tags": [TAG],
                "title": "solquote",
                "type": "dashboards",
            }
        ],
        "panels": list(_panels(dashboard)),
        "refresh": "5s",
        "schemaVersion": SCHEMA_VERSION,
        "tags": [TAG],
        "templating": {"list": list(_variables(dashboard))},
        "time": {"from": "now-30m", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "title": f"solquote: {dashboard.title}",
        "uid": dashboard.uid,
        "version": 1,
    }


def _variables(dashboard: Dashboard) -> Iterator[_Json]:
    yield {
        "hide": 0,
        "includeAll": False,
        "label": "Prometheus",
        "multi": False,
        "name": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "type": "datasource",
    }
    if dashboard.by_service:
        query = 'label_values(up{job="solquote"}, service)'
        yield {
            "allValue": ".*",
            "current": {"text": ["All"], "value": ["$__all"]},
            "datasource": DATASOURCE,
            "definition": query,
            "hide": 0,
            "includeAll": True,
            "label": "process",
            "multi": True,
            "name": "service",
            "query": {"qryType": 1, "query": query, "refId": "service"},
            "refresh": 2,
            "sort": 1,
            "type": "query",
        }


def _panels(dashboard: Dashboard) -> Iterator[_Json]:
    """From left to right, and below when the width is used up."""
    y = 0
    for row in dashboard.rows:
        yield _heading(dashboard, row, y)
        y += 1
        x = height = 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            yield _panel(dashboard, row, panel) | {
                "gridPos": {"h": panel.height, "w": panel.width, "x": x, "y": y},
            }
            x, height = x + panel.width, max(height, panel.height)
        y += height


def _id(dashboard: Dashboard, *titles: str) -> int:
    """Of its titles, not of its place: a link to a panel still leads there when another one is put before it."""
    return zlib.crc32("\0".join((dashboard.name, *titles)).encode()) >> 2


def _heading(dashboard: Dashboard, row: Row, y: int) -> _Json:
    return {
        "collapsed": False,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        "id": _id(dashboard, row.title),
        "panels": [],
        "title": row.title,
        "type": "row",
    }


def _panel(dashboard: Dashboard, row: Row, panel: Panel) -> _Json:
    return {
        "datasource": DATASOURCE,
        "description": panel.meaning,
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "id": _id(dashboard, row.title, panel.title),
        "options": _OPTIONS[panel.kind]
        | ({"textMode": "name" if panel.names_only else "auto"} if panel.kind is Kind.NUMBER else {}),
        "targets": [_target(panel, number, query) for number, query in enumerate(panel.queries)],
        "title": panel.title,
        "type": panel.kind.value,
    }


def _target(panel: Panel, number: int, query: Query) -> _Json:
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.promql,
        "format": "heatmap" if panel.kind is Kind.HEAT else "time_series",
        "instant": panel.kind is Kind.NUMBER,
        "legendFormat": query.legend or "__auto",
        "range": panel.kind is not Kind.NUMBER,
        "refId": chr(ord("A") + number),
    }


def _defaults(panel: Panel) -> _Json:
    steps: list[_Json] = [{"color": panel.low, "value": None}]
    steps += [{"color": step.colour, "value": step.value} for step in panel.steps]
    words = {
        f"{value:g}": {"color": colour, "index": index, "text": text}
        for index, (value, text, colour) in enumerate(panel.words)
    }
    return {
        "color": {"mode": "thresholds" if panel.kind in (Kind.NUMBER, Kind.STATES) else "palette-classic"},
        "custom": _CUSTOM.get(panel.kind, {})
        | ({"thresholdsStyle": {"mode": "dashed"}} if panel.kind is Kind.LINES and panel.steps else {}),
        "mappings": [{"options": words, "type": "value"}] if words else [],
        "thresholds": {"mode": "absolute", "steps": steps},
        "unit": panel.unit.value,
    }


_CRITICAL: Final[_Json] = {
    "datasource": DATASOURCE,
    "enable": True,
    "expr": 'ALERTS{alertstate="firing", severity="critical"}',
    "iconColor": "red",
    "name": "Critical alerts",
    "step": "5s",
    "tagKeys": "service",
    "titleFormat": "{{alertname}} {{state}}",
}
"""Marked in every panel, so that what came before and after is seen."""
_CUSTOM: Final[dict[Kind, _Json]] = {
    Kind.LINES: {
        "drawStyle": "line",
        "fillOpacity": 8,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,  # a gap is a process that did not answer
    },
    Kind.STATES: {"fillOpacity": 80, "lineWidth": 0},
}
_LEGEND: Final = {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": True}
_OPTIONS: Final[dict[Kind, _Json]] = {
    Kind.NUMBER: {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
    },
    Kind.LINES: {"legend": _LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}},
    Kind.STATES: {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    },
    Kind.HEAT: {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
        "legend": {"show": True},
        "tooltip": {"mode": "single", "show": True, "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left"},
    },
}
