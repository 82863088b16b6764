"""A triangle of pairs, real shared memory and a real NATS: the cycle is found, once, at its best size."""

import json
import math
from importlib import resources
from pathlib import Path

import pytest
from fakes.cycle_pairs import JITOSOL, SOL, USDC
from fakes.pipeline_process import pipeline_process, trading_allowed, until
from solders.pubkey import Pubkey as SoldersPubkey

from pipeline.costs import round_trip_costs
from pipeline.scanner.ladder import Rung, best_amounts
from pipeline.scanner.settings import ScannerSettings
from pipeline.settings import CostSettings
from quote_core.bus import Bus
from quote_core.clock import SYSTEM_CLOCK
from quote_core.events import Event, TriangularArbitrage
from quote_core.tokens import load_tokens
from quote_core.watch import DEFAULT_AMOUNTS, first_watched_row
from shm import Flag, QuoteWriter

pytestmark = pytest.mark.integration
SIZES = tuple(10**8 * 2**step for step in range(10))
LEGS = ((SOL, USDC, 140_000_000), (USDC, JITOSOL, 6_000_000_000), (JITOSOL, SOL, 1_250_000_000))
"""Of each leg what a thousand million units of its input give; round the three 5 % more comes back."""
USABLE = {"flags": Flag.CONFIDENCE_PRESENT, "confidence_bps": 9_500, "price_impact_ppm": 100, "oracle_price": math.nan}


@pytest.fixture
def tokens_path(tmp_path: Path) -> Path:
    """The delivered registry, and JitoSOL against USDC."""
    delivered = json.loads((resources.files("quote_core") / "data" / "tokens.json").read_text(encoding="utf-8"))
    delivered["pairs"].append({"base": "JitoSOL", "quote": "USDC"})
    path = tmp_path / "tokens.json"
    path.write_text(json.dumps(delivered), encoding="utf-8")
    return path


def ladder_of(leg: int) -> list[Rung]:
    """At each larger size 0.5 % less than in proportion to the size before."""
    rungs = []
    for step, size in enumerate(SIZES):
        amount = size
        for _, _, rate in LEGS[:leg]:
            amount = amount * rate // 10**9
        rungs.append(Rung(amount, amount * LEGS[leg][2] * (1_000 - 5 * step) // 10**12, 7))
    return rungs


class Triangle:
    """Writes the ladders of the three legs anew at every call, in a new slot."""

    def __init__(self, writer: QuoteWriter, tokens_path: Path) -> None:
        self._writer = writer
        self._slot = 400
        self._rungs: dict[int, Rung] = {}
        pairs = load_tokens(tokens_path).pairs
        for leg, (given, taken, _) in enumerate(LEGS):
            position = next(place for place, pair in enumerate(pairs) if {pair.base, pair.quote} == {given, taken})
            is_reverse = pairs[position].base != given
            first = first_watched_row(position, is_reverse=is_reverse, amount_count=len(DEFAULT_AMOUNTS))
            for row, rung in enumerate(ladder_of(leg), first):
                writer.assign(row, *(bytes(SoldersPubkey.from_string(token.mint)) for token in (given, taken)))
                self._rungs[row] = rung

    def in_next_slot(self) -> None:
        self._slot += 1
        self._writer.beat()
        batch, now = self._writer.batch(), SYSTEM_CLOCK.unix_ns()
        for row, rung in self._rungs.items():
            batch.put(
                row,
                input_amount=rung.input_amount,
                output_amount=rung.output_amount,
                route_id=rung.route_id,
                ts_ns=now,
                dex_id=1,
                slot=self._slot,
                **USABLE,
            )
        self._writer.publish_batch(batch)


async def test_a_cycle_over_a_pair_that_was_added_is_found_at_its_best_size(
    nats_url: str, bus: Bus, tmp_path: Path, tokens_path: Path
) -> None:
    heard: list[Event] = []
    await bus.listen("opportunity.triangular.*", heard.append)
    environ = {
        "SOLQUOTE_NATS_URL": nats_url,
        "SOLQUOTE_SHM_DIR": str(tmp_path),
        "SOLQUOTE_TOKENS_PATH": str(tokens_path),
        "SOLQUOTE_SCANNER_DEDUPE_WINDOW": "1h",
    }
    with QuoteWriter.open(tmp_path) as writer:
        triangle = Triangle(writer, tokens_path)
        async with trading_allowed(bus), pipeline_process("scanner", tmp_path, environ) as scanner:
            await until(lambda: heard, triangle.in_next_slot)
            for _ in range(5):
                triangle.in_next_slot()
            await until(lambda: scanner.said(" 2 cycles"), triangle.in_next_slot)
            assert await scanner.code_on_sigterm(seconds=2) == 0
    (found,) = heard
    assert isinstance(found, TriangularArbitrage)
    assert (found.pair, found.mints) == ("SOL-USDC-JitoSOL", (SOL.mint, USDC.mint, JITOSOL.mint))
    rates = CostSettings().rates()
    assert found.amounts == best_amounts(
        [[ladder_of(leg)] for leg in range(len(LEGS))],
        gross_bps_min=ScannerSettings().gross_profit_bps_min,
        fee_bps=rates.flash_loan_fee_bps,
        fixed_cost=round_trip_costs(0, hop_count=3, rates=rates).total_lamports,
    )
    assert SIZES[0] < found.amounts[0] < SIZES[-1]
    costs = round_trip_costs(found.amounts[0], hop_count=3, rates=rates).total_lamports
    assert found.net_profit_lamports == found.amounts[-1] - found.amounts[0] - costs > 0
