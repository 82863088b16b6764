"""Held quotes as HTTP answers: of the moment they are told, from bytes that are made once for an answer of the table.

What an answer says is three things: what the source said, which stays the same until the table takes another answer;
what the request makes of it, such as the least output; and what is of the moment: age, scores, decision. The first is
kept as bytes, at most once a row and source; the others are written each time. `http_answers.quote_answer` is the
readable way to the same bytes, to which a test holds this one.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from aggregator.held import HeldQuote, Source
from aggregator.http_answers import (
    amounts_part,
    id_part,
    provenance_part,
    route_part,
    source_part,
    state_part,
    terms_part,
    time_part,
    trust_part,
)
from aggregator.http_models import QuoteParameters
from aggregator.told_rows import ToldRows
from quote_core.clock import Clock

__all__ = ["HeldAnswers"]


class _Kept(NamedTuple):
    """What a source said, between what is written each time; true while the table's stamp of the row is this one."""

    stamp: int
    input_amount: int
    output_amount: int
    amounts: bytes
    route: bytes
    source: bytes
    provenance: bytes
    id: bytes


class HeldAnswers:
    """Answers from the table: what is kept is bounded by its rows."""

    def __init__(self, table: ToldRows, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._kept: dict[Source, dict[int, _Kept]] = {source: {} for source in Source}

    def told(self, row: int, asked: QuoteParameters, *, started_mono_ns: int) -> bytes | None:
        """A row's better quote as JSON, as of now, without waiting for anybody; `None` = no fresh local one is held.

        Args:
            row: Its number in the table.
            asked: The request, whose pair and amount the row is of.
            started_mono_ns: When the request came, for `timeTaken`.
        """
        standing = self._table.standing(row)
        if standing is None:
            return None
        kept = self._kept[standing.best].get(row)
        if kept is None or kept.stamp != standing.stamp:
            kept = self._keep(row, standing.best, standing.stamp)
        return b"".join(
            (
                kept.amounts,
                _inside(terms_part(kept.input_amount, kept.output_amount, asked)),
                kept.route,
                _inside(time_part(self._clock.mono_ns(), started_mono_ns)),
                kept.source,
                _inside(trust_part(standing.confidence, standing.decision)),
                kept.provenance,
                _inside(state_part(standing.oracle_rate, standing.oracle_disagreement, standing.age_ns)),
                kept.id,
            )
        )

    def _keep(self, row: int, source: Source, stamp: int) -> _Kept:
        quote = self._table.held(source, row)
        assert quote is not None, "nobody has answered"
        kept = self._kept[source][row] = _bytes_of(quote, stamp)
        return kept


def _bytes_of(quote: HeldQuote, stamp: int) -> _Kept:
    return _Kept(
        stamp,
        quote.key.input_amount,
        quote.output_amount,
        b"{%b," % _inside(amounts_part(quote)),
        _between(route_part(quote)),
        _between(source_part(quote)),
        _between(provenance_part(quote)),
        b",%b}" % _inside(id_part(quote)),
    )


def _between(part: Mapping[str, Any]) -> bytes:
    return b",%b," % _inside(part)


def _inside(part: Mapping[str, Any]) -> bytes:
    """A part's names and values, as they stand between an object's braces."""
    return orjson.dumps(part)[1:-1]
