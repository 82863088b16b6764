"""What the evidence of both sources' quotes has in common, as a message."""

import hashlib
from importlib.metadata import version
from typing import Final

from quote_core.generated.solquote.v1 import evidence_pb2
from quote_core.quote_id import QuoteId
from quote_core.tokens import Token
from quote_core.units import Pubkey

__all__ = [
    "EVIDENCE_FORMAT",
    "READ_EXPLAIN_REQUEST",
    "begin_evidence",
    "sha256_hex",
    "write_token",
]

EVIDENCE_FORMAT: Final = 1
"""How evidence is to be read; counted up when a reader of before would read it wrongly."""

READ_EXPLAIN_REQUEST: Final = evidence_pb2.ExplainQuoteRequest.FromString


def begin_evidence(quote_id: QuoteId, input_mint: Pubkey, output_mint: Pubkey) -> evidence_pb2.QuoteEvidence:
    """Evidence that says what it is of, and nothing else yet."""
    return evidence_pb2.QuoteEvidence(
        format=EVIDENCE_FORMAT,
        quote_id=quote_id.text,
        input_mint=input_mint,
        output_mint=output_mint,
        software_version=version("solquote"),
    )


def write_token(token: Token) -> evidence_pb2.EvidenceToken:
    """A token as it is registered."""
    oracle = token.oracle
    return evidence_pb2.EvidenceToken(
        mint=token.mint,
        symbol=token.symbol,
        decimals=token.decimals,
        oracle_kind="" if oracle is None else oracle.kind,
        oracle_account="" if oracle is None else oracle.account,
        native=token.category == "native",
    )


def sha256_hex(data: bytes) -> str:
    """What bytes are told by."""
    return hashlib.sha256(data).hexdigest()
