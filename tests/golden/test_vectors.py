"""Every golden vector, tolerance 0: amounts, refusals by kind, next states, rates and formula tables.

Two kinds of row are doubtful, and both are held to what the file says (`vectors/FORMAT.md`): `binary_result` rows,
where an older program build rounded dust differently and the row carries today's rule, and `single-source` rows, which
only one implementation has computed. None is left out; the counts below would show it.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from quote_core.dex.recorded import RecordedPool, parse_recorded_pool
from quote_core.dex.replay import replay

GOLDEN = Path(__file__).parent
VECTOR_COUNTS = {
    "math": 635,
    "meteora_dlmm": 382,
    "orca_whirlpool": 342,
    "orca_whirlpool_published_cases": 1200,
    "pumpswap": 244,
    "raydium_amm_v4": 201,
    "raydium_clmm": 155,
    "raydium_clmm_new_features": 342,
    "raydium_cpmm": 166,
    "raydium_cpmm_creator_fee": 161,
    "stake_pool": 40,
}
DOUBTFUL_COUNTS = {  # (single-source, older binary differs)
    "raydium_amm_v4": (0, 16),
    "raydium_cpmm": (0, 3),
    "raydium_cpmm_creator_fee": (161, 0),
    "raydium_clmm_new_features": (342, 0),
}


def load(path: Path) -> Any:
    return json.loads(path.read_bytes())


@cache
def find_pool(dex_label: str, pool_file: str) -> RecordedPool:
    return parse_recorded_pool(load(GOLDEN / "pools" / dex_label / f"{pool_file}.json"), name=pool_file)


def test_every_vector_file_is_listed_here() -> None:
    assert {path.stem for path in (GOLDEN / "vectors").glob("*.json")} == set(VECTOR_COUNTS)


@pytest.mark.parametrize("name", sorted(VECTOR_COUNTS))
def test_every_vector_is_equal_to_the_last_unit(name: str) -> None:
    rows = list(replay(load(GOLDEN / "vectors" / f"{name}.json"), find_pool, name=name))
    different = [(row.index, row.differences) for row in rows if row.differences]
    assert different == []
    assert len(rows) == VECTOR_COUNTS[name]
    doubtful = (
        sum(row.single_source for row in rows),
        sum(row.older_binary_differs for row in rows),
    )
    assert doubtful == DOUBTFUL_COUNTS.get(name, (0, 0))
