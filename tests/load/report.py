"""What a run showed, as one page of HTML that needs nothing else, and as lines for a terminal."""

import html
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from load.campaign import Outcome
from load.resources import Resources, Sample
from load.thresholds import Metric

__all__ = ["lines_of", "page_of", "write_page"]

_WIDTH: Final = 640
_HEIGHT: Final = 120
_LABEL: Final = 150
_STATS: Final = ("min", "med", "avg", "p(95)", "p(99)", "max", "rate", "count")
_CHART_SAMPLES_MIN: Final = 5
_BYTES_PER_MB: Final = 1_000_000
_STYLE: Final = """
:root { color-scheme: light dark; --line: light-dark(#d5d8dc, #3a3f45); --bad: light-dark(#b3261e, #ff8a80);
  --good: light-dark(#1a6b3c, #7bd79b); }
body { font: 14px/1.45 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0 1rem; }
th, td { text-align: right; padding: .2rem .7rem; border-bottom: 1px solid var(--line); font-weight: normal; }
th:first-child, td:first-child { text-align: left; }
th { opacity: .7; }
.missed { color: var(--bad); font-weight: 600; }
.kept { color: var(--good); }
svg { display: block; width: 100%; height: auto; }
polyline { fill: none; stroke: currentColor; stroke-width: 1.5; }
text { font-size: 11px; fill: currentColor; }
"""


def lines_of(outcome: Outcome) -> Iterator[str]:
    """A line for each limit."""
    yield f"{outcome.profile.name}: {outcome.profile.does}"
    for finding in outcome.findings:
        verdict = "kept  " if finding.is_kept else "MISSED"
        yield f"  {verdict} {finding.metric:<36} {finding.expression:<12} {_figure(finding.figure)}"


def page_of(outcomes: Sequence[Outcome], *, title: str) -> str:
    """The whole report."""
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>',
            f"<style>{_STYLE}</style><h1>{html.escape(title)}</h1>",
            *(part for outcome in outcomes for part in _section(outcome)),
            "</html>\n",
        ]
    )


def _section(outcome: Outcome) -> Iterator[str]:
    profile = outcome.profile
    yield f"<h2>{profile.name}</h2>"
    load = f"{profile.rate} requests a second, " if profile.is_k6 else ""
    beside = f", {profile.reader_count} readers of shared memory" if profile.reader_count else ""
    yield f"<p>{html.escape(profile.does.capitalize())}. {load}{profile.seconds} s{beside}.</p>"
    yield "<table><tr><th>limit</th><th>is</th><th>was</th><th></th></tr>"
    for finding in outcome.findings:
        verdict = "kept" if finding.is_kept else "missed"
        cells = (finding.metric, finding.expression, _figure(finding.figure))
        yield f'<tr>{_cells(cells)}<td class="{verdict}">{verdict}</td></tr>'
    yield "</table>"
    yield f"<details><summary>All that was measured</summary><table><tr>{_cells(('', *_STATS), 'th')}</tr>"
    for name, metric in sorted(outcome.metrics.items()):
        yield f"<tr>{_cells((name, *_stats(metric)))}</tr>"
    yield "</table></details>"
    yield from _charts(outcome.resources)


def _stats(metric: Metric) -> Iterator[str]:
    for stat in _STATS:
        yield _figure(metric[stat]) if stat in metric else ""


def _cells(texts: Iterable[str], tag: str = "td") -> str:
    return "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts)


def _figure(figure: float | None) -> str:
    if figure is None:
        return "not measured"
    return f"{figure:,.0f}" if figure == int(figure) else f"{figure:,.3f}" if abs(figure) < 1 else f"{figure:,.2f}"


def _charts(resources: Resources) -> Iterator[str]:
    """Memory and descriptors over time, a line a process; nothing of a run too short for one."""
    if all(len(samples) < _CHART_SAMPLES_MIN for samples in resources.samples.values()):
        return
    yield "<h3>Resident memory, MB</h3>"
    yield _chart(resources, lambda sample: sample.resident_bytes / _BYTES_PER_MB)
    yield "<h3>Open descriptors</h3>"
    yield _chart(resources, lambda sample: float(sample.descriptor_count))


def _chart(resources: Resources, value: Callable[[Sample], float]) -> str:
    rows = []
    for row, (name, samples) in enumerate(sorted(resources.samples.items())):
        top = row * (_HEIGHT // 4 + 8)
        values = [value(sample) for sample in samples]
        low, high = min(values), max(values)
        span = max(high - low, high * 0.1, 1e-9)
        end_s = samples[-1].at_s or 1.0
        points = " ".join(
            f"{_LABEL + sample.at_s / end_s * (_WIDTH - 2 * _LABEL):.1f},"
            f"{top + (_HEIGHT // 4) * (1 - (each - low) / span):.1f}"
            for sample, each in zip(samples, values, strict=True)
        )
        middle = top + _HEIGHT // 8 + 4
        rows.append(
            f'<text x="0" y="{middle}">{html.escape(name)}</text><polyline points="{points}"/>'
            f'<text x="{_WIDTH - _LABEL + 8}" y="{middle}">{_figure(low)} to {_figure(high)}</text>'
        )
    height = len(rows) * (_HEIGHT // 4 + 8)
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{"".join(rows)}</svg>'


def write_page(path: Path, outcomes: Sequence[Outcome], *, title: str) -> None:
    """Keep the report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page_of(outcomes, title=title), encoding="utf-8")
