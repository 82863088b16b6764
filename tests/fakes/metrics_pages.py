"""What the processes of a running platform tell Prometheus, read as Prometheus reads it."""

import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

_PAST_PROXIES = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_TIMEOUT_S = 60.0

Values = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""By name of the sample and its labels."""


def page_of(url: str) -> str:
    """The text."""
    with _PAST_PROXIES.open(url, timeout=_TIMEOUT_S) as answer:
        text: str = answer.read().decode()
        return text


def families_of(page: str) -> dict[str, Values]:
    """Every family under its full name; one without a value is empty."""
    found: dict[str, Values] = {}
    for family in text_string_to_metric_families(page):
        name = family.name + "_total" * (family.type == "counter")
        assert name not in found, f"{name} is told twice"
        assert family.documentation, f"{name} says nothing of itself"
        found[name] = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in family.samples}
    return found
