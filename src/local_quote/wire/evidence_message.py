"""What a quote rests on, as a message."""

from local_quote.account_history import AccountVersion
from local_quote.evidence import LocalEvidence
from quote_core.generated.solquote.v1 import evidence_pb2
from quote_core.quote_id import QuoteId
from quote_core.serving import begin_evidence, sha256_hex, write_hop, write_token
from quote_core.units import Pubkey

__all__ = ["ExplainQuoteRequest", "QuoteEvidence", "evidence_to"]

ExplainQuoteRequest = evidence_pb2.ExplainQuoteRequest
QuoteEvidence = evidence_pb2.QuoteEvidence


def evidence_to(quote_id: QuoteId, evidence: LocalEvidence) -> evidence_pb2.QuoteEvidence:
    """Write evidence; hashes are made here, where somebody asks."""
    message = begin_evidence(quote_id, evidence.input_mint, evidence.output_mint)
    message.local.MergeFrom(
        evidence_pb2.LocalEvidence(
            accounts=[_account(pubkey, version) for pubkey, version in evidence.accounts.items()],
            route=map(write_hop, evidence.route),
            wanted_output_amount=evidence.wanted_output_amount,
            tokens=map(write_token, evidence.tokens),
        )
    )
    return message


def _account(pubkey: Pubkey, version: AccountVersion) -> evidence_pb2.EvidenceAccount:
    account = version.account
    if account is None:
        return evidence_pb2.EvidenceAccount(pubkey=pubkey, slot=version.slot)
    return evidence_pb2.EvidenceAccount(
        pubkey=pubkey,
        owner=account.owner,
        slot=version.slot,
        data_sha256=sha256_hex(account.data),
        data=account.data,
    )
