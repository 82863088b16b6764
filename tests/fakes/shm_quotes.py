"""Quotes as `shm.QuoteReader` hands them out, and a reader that a test fills."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from solders.pubkey import Pubkey as SoldersPubkey

from quote_core.tokens import Pair, load_tokens
from quote_core.units import LAMPORTS_PER_SOL
from shm import Flag, Liveness, NotThereYet, Quote, Role

SOL_USDC = load_tokens().pairs[0]
USABLE = Flag.VALID | Flag.ORACLE_PRESENT | Flag.CONFIDENCE_PRESENT


def quote(index: int, *, pair: Pair = SOL_USDC, is_reverse: bool = False, **changes: Any) -> Quote:
    """One SOL for 140 USDC, or those back for one SOL, unless `changes` say otherwise."""
    mints = [bytes(SoldersPubkey.from_string(token.mint)) for token in (pair.base, pair.quote)]
    amounts = [LAMPORTS_PER_SOL, 140_000_000]
    if is_reverse:
        mints.reverse()
        amounts.reverse()
    fields = {
        "input_mint": mints[0],
        "output_mint": mints[1],
        "input_amount": amounts[0],
        "output_amount": amounts[1],
        "ts_ns": 0,
        "oracle_price": 1 / 140.0 if is_reverse else 140.0,
        "route_id": 100 + index,
        "slot": 400,
        "dex_id": 1,
        "source": 1,
        "flags": USABLE,
        "price_impact_ppm": 50,
        "confidence_bps": 9_000,
        "ttl_slots": 10,
        "version": 2,
    }
    return Quote(index=index, **(fields | changes))


class FakeQuotes:
    """Shared memory as the scanner sees it; `standing` is what a second look finds."""

    def __init__(self) -> None:
        self.entries: dict[int, Quote] = {}
        self.standing: dict[int, Quote] = {}
        self.state = Liveness.LIVE
        self.batches: list[tuple[int, ...]] = []

    def put(self, *quotes: Quote) -> tuple[int, ...]:
        for each in quotes:
            self.entries[each.index] = self.standing[each.index] = each
        return tuple(each.index for each in quotes)

    def quote(self, index: int) -> Quote:
        if index not in self.entries:
            raise NotThereYet(Path("quotes"))
        return self.entries[index]

    def view(self, index: int) -> Quote:
        return self.standing[index]

    def liveness(self, role: Role) -> Liveness:
        return self.state

    async def changes(self) -> AsyncGenerator[tuple[int, ...], None]:
        for batch in self.batches:
            yield batch
