"""What a quote rests on, as whoever gave it says it; what else its score is made of is the aggregator's to add."""

from collections.abc import Mapping
from typing import Final, Protocol

from aggregator import wire
from aggregator.held import Refusal, Source
from aggregator.selection import Judge
from quote_core.clock import Clock, moment
from quote_core.quote_id import parse_quote_id

__all__ = ["EvidenceRelay", "ExplainsQuotes"]

_TIMEOUT_NS: Final = 30_000_000_000
"""Whoever asks gives up earlier, and ends the call with it; a service that is stuck is left after this."""


class ExplainsQuotes(Protocol):
    """What is asked of a quote service."""

    async def explain(self, quote_id: str, *, timeout_ns: int) -> bytes | Refusal:
        """Encoded evidence, or why there is none."""
        ...


class EvidenceRelay:
    """Asks the service that an id is of."""

    def __init__(self, services: Mapping[Source, ExplainsQuotes], *, judge: Judge, clock: Clock) -> None:
        self._services = services
        self._judge = judge
        self._clock = clock

    async def explain(self, quote_id: str) -> bytes | Refusal:
        """The evidence of a quote, encoded.

        Raises:
            InvalidField: It is no id.
        """
        source = Source(parse_quote_id(quote_id).source)
        answer = await self._services[source].explain(quote_id, timeout_ns=_TIMEOUT_NS)
        if isinstance(answer, Refusal):
            return answer
        pair, oracle = wire.evidence_pair(answer), self._judge.oracle
        oracle_rate, disagreement = oracle.rate(*pair, moment(self._clock)), oracle.disagreement(*pair)
        return answer + wire.encode_scoring(self._judge.limits, oracle_rate, disagreement)
