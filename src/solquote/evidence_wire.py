"""Ask the aggregator what a quote rests on."""

from aggregator.confidence import CAP_LIMITS, CapLimits
from quote_core.access.caller import Caller
from quote_core.dex.pool import Account
from quote_core.errors import LayoutMismatch
from quote_core.generated.solquote.v1 import evidence_pb2, quote_aggregator_pb2_grpc
from quote_core.quote_id import parse_quote_id
from quote_core.serving import read_route
from quote_core.tokens import Token
from quote_core.units import Pubkey
from solquote.evidence import FORMAT, Evidence, EvidenceAccount, ProviderAnswer, registered_token
from solquote.wire import service_channel

__all__ = ["ask_evidence", "evidence_from"]


def ask_evidence(address: str, quote_id: str, *, timeout_s: float, caller: Caller | None = None) -> Evidence:
    """Ask for the evidence of a quote.

    Raises:
        CommandFailed: With the status of the refusal.
        LayoutMismatch: The answer is of a format that is not known here.
    """
    with service_channel("aggregator", address, caller) as channel:
        stub = quote_aggregator_pb2_grpc.QuoteAggregatorServiceStub(channel)
        answer = stub.ExplainQuote(evidence_pb2.ExplainQuoteRequest(quote_id=quote_id), timeout=timeout_s)
    return evidence_from(answer)


def evidence_from(message: evidence_pb2.QuoteEvidence) -> Evidence:
    """Evidence as a value; nothing of it has been looked at yet.

    Raises:
        LayoutMismatch: It is of a format that is not known here.
    """
    if message.format != FORMAT:
        raise LayoutMismatch("evidence", f"is of format {message.format}; this release reads {FORMAT}")
    local, external = message.local, message.external
    bounds = message.cap_bounds
    return Evidence(
        quote_id=parse_quote_id(message.quote_id),
        input_mint=Pubkey(message.input_mint),
        output_mint=Pubkey(message.output_mint),
        software_version=message.software_version,
        tokens=tuple(map(_token, (*local.tokens, *external.tokens))),
        cap_limits=CapLimits(
            impact_cautious=bounds.impact_cautious,
            impact_skip=bounds.impact_skip,
            deviation_skip=bounds.deviation_skip,
        )
        if message.HasField("cap_bounds")
        else CAP_LIMITS,
        oracle_rate=message.oracle_rate if message.HasField("oracle_rate") else None,
        oracle_disagreement=message.oracle_disagreement,
        route=read_route(external.route if message.HasField("external") else local.route),
        accounts=tuple(map(_account, local.accounts)),
        wanted_output_amount=local.wanted_output_amount,
        answer=_answer(external) if message.HasField("external") else None,
    )


def _token(message: evidence_pb2.EvidenceToken) -> Token:
    return registered_token(
        mint=message.mint,
        symbol=message.symbol,
        decimals=message.decimals,
        oracle_kind=message.oracle_kind,
        oracle_account=message.oracle_account,
        native=message.native,
    )


def _account(message: evidence_pb2.EvidenceAccount) -> EvidenceAccount:
    return EvidenceAccount(
        pubkey=Pubkey(message.pubkey),
        slot=message.slot,
        account=Account(Pubkey(message.owner), message.data) if message.owner else None,
        sha256=message.data_sha256,
    )


def _answer(message: evidence_pb2.ExternalEvidence) -> ProviderAnswer:
    return ProviderAnswer(
        provider=message.provider,
        request=message.request,
        body=message.answer,
        sha256=message.answer_sha256,
        sent_unix_ns=message.sent_unix_ns,
        latency_ms=message.latency_ms,
        slot=message.slot,
        uptime=message.provider_uptime,
        price_impact=message.price_impact,
    )
