"""Alerts and what goes with them, to be changed by `dataclasses.replace`."""

from typing import Any

from pipeline.notifier.alert import Alert, Level, Notice
from pipeline.notifier.book import BookRules

NOW_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS


def notice(key: str = "kill_switch", **changes: Any) -> Notice:
    usual: dict[str, Any] = {
        "key": key,
        "level": Level.CRITICAL,
        "title": "Trading is HALTED: drawdown",
        "text": "By rule drawdown: equity fell",
        "at_unix_ns": NOW_NS,
        "variant": "1",
        "is_lasting": True,
    }
    return Notice(**{**usual, **changes})


def alert(number: int = 1, **changes: Any) -> Alert:
    usual: dict[str, Any] = {
        "number": number,
        "key": f"key {number}",
        "level": Level.CRITICAL,
        "worst": changes.get("level", Level.CRITICAL),
        "title": "Trading is HALTED: drawdown",
        "text": "By rule drawdown: equity fell",
        "variant": "1",
        "is_lasting": True,
        "first_unix_ns": NOW_NS,
        "last_unix_ns": NOW_NS,
        "news_unix_ns": NOW_NS,
    }
    return Alert(**{**usual, **changes})


def rules(**changes: Any) -> BookRules:
    usual: dict[str, Any] = {
        "thresholds": {"mail": Level.WARNING, "pager": Level.CRITICAL, "boss": Level.ESCALATED, "chat": Level.INFO},
        "group_wait_ns": 10 * SECOND_NS,
        "repeat_after_ns": HOUR_NS,
        "escalate_after_ns": 15 * MINUTE_NS,
        "escalation_count_max": 2,
    }
    return BookRules(**{**usual, **changes})
