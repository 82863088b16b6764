"""Accounts of the golden pools, by file."""

import json
from pathlib import Path

from quote_core.dex.pool import Account
from quote_core.dex.recorded import parse_recorded_pool

POOLS = Path(__file__).parents[1] / "golden" / "pools"


def golden_accounts(name: str) -> dict[str, Account]:
    """All accounts of `tests/golden/pools/<name>.json`."""
    document = json.loads((POOLS / f"{name}.json").read_text())
    return dict(parse_recorded_pool(document, name=name).accounts)
