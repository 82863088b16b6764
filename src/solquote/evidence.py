"""What a quote rests on, as a value and as a file that is complete in itself. Pure.

The file is one line of JSON, `{"evidenceFormat": 1, "quoteId": ..., ..., "sha256": ...}`, in the names of the messages
(`proto/solquote/v1/evidence.proto`); bytes are base64, and `sha256` is that of the line without it. Whoever has the
file needs neither a platform nor the registry it ran with. A file that was changed, be it by a blank, is read and said
to be so: it is held against what would be saved of what was read.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast

from aggregator.confidence import CapLimits
from quote_core.dex.pool import Account
from quote_core.errors import LayoutMismatch, SolquoteError
from quote_core.json_dialect import json_text
from quote_core.quote_id import QuoteId, parse_quote_id
from quote_core.quotes import Provenance, RouteHop
from quote_core.tokens import OracleKind, OracleSource, Token
from quote_core.units import Pubkey

__all__ = ["FORMAT", "Evidence", "EvidenceAccount", "ProviderAnswer", "read_evidence", "registered_token", "saved_text"]

FORMAT: Final = 1
"""What is read here; see `QuoteEvidence.format`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAccount:
    """An account as it was held; `account` None = it does not exist on chain. `sha256` was told of its bytes."""

    pubkey: Pubkey
    slot: int
    account: Account | None
    sha256: str

    @property
    def is_intact(self) -> bool:
        """Whether the bytes are those that were told of."""
        return self.account is None or hashlib.sha256(self.account.data).hexdigest() == self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAnswer:
    """An outside provider's answer as it came; `price_impact` is a fraction."""

    provider: str
    request: str
    body: bytes
    sha256: str
    sent_unix_ns: int
    latency_ms: float
    slot: int
    uptime: float
    price_impact: float

    @property
    def is_intact(self) -> bool:
        """Whether the body is the one that was told of."""
        return hashlib.sha256(self.body).hexdigest() == self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one quote rests on: of our own engine the accounts, of a provider `answer`. `route` is as it was told.

    `oracle_rate` is what the aggregator had when it was asked, whole output tokens per whole input token; None where
    it had none. `oracle_disagreement` is how far its sources disagreed, a fraction. `is_as_saved` is false of a file
    that somebody changed.
    """

    quote_id: QuoteId
    input_mint: Pubkey
    output_mint: Pubkey
    software_version: str
    tokens: tuple[Token, ...]
    cap_limits: CapLimits
    route: tuple[RouteHop, ...]
    accounts: tuple[EvidenceAccount, ...] = ()
    wanted_output_amount: int = 0
    answer: ProviderAnswer | None = None
    oracle_rate: float | None = None
    oracle_disagreement: float = 0.0
    is_as_saved: bool = True

    def token(self, mint: Pubkey) -> Token | None:
        """A token as it was registered; None for one that was not."""
        return next((token for token in self.tokens if token.mint == mint), None)


def registered_token(
    *, mint: str, symbol: str, decimals: int, oracle_kind: str, oracle_account: str, native: bool
) -> Token:
    """A token as evidence names it."""
    oracle = OracleSource(cast("OracleKind", oracle_kind), Pubkey(oracle_account)) if oracle_kind else None
    return Token(Pubkey(mint), symbol, decimals, "native" if native else "lst", oracle)


def saved_text(evidence: Evidence) -> str:
    """Evidence as its file has it; the same evidence is the same text."""
    document = _document(evidence)
    return json_text(document | {"sha256": hashlib.sha256(json_text(document).encode()).hexdigest()}) + "\n"


def read_evidence(data: bytes, *, name: str) -> Evidence:
    """Read evidence from the bytes of its file.

    Args:
        data: All of the file.
        name: What to call it in an error.

    Raises:
        LayoutMismatch: Not of this format, or of a newer one; says where.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise LayoutMismatch(name, f"is not JSON ({error})") from None
    if not isinstance(document, dict) or "evidenceFormat" not in document:
        raise LayoutMismatch(name, "is no evidence of a quote: it has no `evidenceFormat`")
    if document["evidenceFormat"] != FORMAT:
        raise LayoutMismatch(name, f"is of evidence format {document['evidenceFormat']}; this release reads {FORMAT}")
    try:
        evidence = _evidence(document)
    except (KeyError, TypeError, ValueError, OverflowError, SolquoteError) as error:
        raise LayoutMismatch(name, f"is not of evidence format {FORMAT} ({error!r})") from None
    return replace(evidence, is_as_saved=saved_text(evidence).encode() == data)


def _document(evidence: Evidence) -> dict[str, Any]:
    document: dict[str, Any] = {
        "evidenceFormat": FORMAT,
        "quoteId": evidence.quote_id.text,
        "inputMint": evidence.input_mint,
        "outputMint": evidence.output_mint,
        "softwareVersion": evidence.software_version,
        "wantedOutputAmount": evidence.wanted_output_amount,
        "oracleRate": evidence.oracle_rate,
        "oracleDisagreement": evidence.oracle_disagreement,
        "capBounds": {
            "impactCautious": evidence.cap_limits.impact_cautious,
            "impactSkip": evidence.cap_limits.impact_skip,
            "deviationSkip": evidence.cap_limits.deviation_skip,
        },
        "tokens": [_token_document(token) for token in evidence.tokens],
        "route": [_hop_document(hop) for hop in evidence.route],
        "accounts": [_account_document(held) for held in evidence.accounts],
    }
    answer = evidence.answer
    if answer is not None:
        document["answer"] = {
            "provider": answer.provider,
            "request": answer.request,
            "sentUnixNs": answer.sent_unix_ns,
            "latencyMs": answer.latency_ms,
            "slot": answer.slot,
            "uptime": answer.uptime,
            "priceImpact": answer.price_impact,
            "sha256": answer.sha256,
            "bodyBase64": base64.b64encode(answer.body).decode(),
        }
    return document


def _evidence(document: Mapping[str, Any]) -> Evidence:
    answer, bounds, oracle_rate = document.get("answer"), document["capBounds"], document["oracleRate"]
    return Evidence(
        quote_id=parse_quote_id(str(document["quoteId"])),
        input_mint=Pubkey(str(document["inputMint"])),
        output_mint=Pubkey(str(document["outputMint"])),
        software_version=str(document["softwareVersion"]),
        wanted_output_amount=int(document["wantedOutputAmount"]),
        oracle_rate=None if oracle_rate is None else float(oracle_rate),
        oracle_disagreement=float(document["oracleDisagreement"]),
        cap_limits=CapLimits(
            impact_cautious=float(bounds["impactCautious"]),
            impact_skip=float(bounds["impactSkip"]),
            deviation_skip=float(bounds["deviationSkip"]),
        ),
        tokens=tuple(_token(entry) for entry in document["tokens"]),
        route=tuple(_hop(entry) for entry in document["route"]),
        accounts=tuple(_account(entry) for entry in document["accounts"]),
        answer=None if answer is None else _answer(answer),
    )


def _token_document(token: Token) -> dict[str, Any]:
    return {
        "mint": token.mint,
        "symbol": token.symbol,
        "decimals": token.decimals,
        "oracleKind": "" if token.oracle is None else token.oracle.kind,
        "oracleAccount": "" if token.oracle is None else token.oracle.account,
        "native": token.category == "native",
    }


def _token(entry: Mapping[str, Any]) -> Token:
    return registered_token(
        mint=str(entry["mint"]),
        symbol=str(entry["symbol"]),
        decimals=int(entry["decimals"]),
        oracle_kind=str(entry["oracleKind"]),
        oracle_account=str(entry["oracleAccount"]),
        native=bool(entry["native"]),
    )


def _hop_document(hop: RouteHop) -> dict[str, Any]:
    return {
        "poolId": hop.pool_id,
        "protocol": hop.protocol,
        "inputMint": hop.input_mint,
        "outputMint": hop.output_mint,
        "inputAmount": hop.input_amount,
        "outputAmount": hop.output_amount,
        "feeAmount": hop.fee_amount,
        "feeMint": hop.fee_mint,
        "provenance": None if hop.provenance is None else hop.provenance.name.lower(),
        "leg": hop.leg,
        "legPercent": hop.leg_percent,
    }


def _hop(entry: Mapping[str, Any]) -> RouteHop:
    fee_amount, fee_mint, provenance = entry["feeAmount"], entry["feeMint"], entry["provenance"]
    return RouteHop(
        pool_id=Pubkey(str(entry["poolId"])),
        protocol=str(entry["protocol"]),
        input_mint=Pubkey(str(entry["inputMint"])),
        output_mint=Pubkey(str(entry["outputMint"])),
        input_amount=int(entry["inputAmount"]),
        output_amount=int(entry["outputAmount"]),
        fee_amount=None if fee_amount is None else int(fee_amount),
        fee_mint=None if fee_mint is None else Pubkey(str(fee_mint)),
        provenance=None if provenance is None else Provenance[str(provenance).upper()],
        leg=int(entry["leg"]),
        leg_percent=int(entry["legPercent"]),
    )


def _account_document(held: EvidenceAccount) -> dict[str, Any]:
    account = held.account
    return {
        "pubkey": held.pubkey,
        "owner": None if account is None else account.owner,
        "slot": held.slot,
        "sha256": held.sha256,
        "dataBase64": "" if account is None else base64.b64encode(account.data).decode(),
    }


def _account(entry: Mapping[str, Any]) -> EvidenceAccount:
    owner = entry["owner"]
    data = base64.b64decode(str(entry["dataBase64"]), validate=True)
    return EvidenceAccount(
        pubkey=Pubkey(str(entry["pubkey"])),
        slot=int(entry["slot"]),
        account=None if owner is None else Account(Pubkey(str(owner)), data),
        sha256=str(entry["sha256"]),
    )


def _answer(entry: Mapping[str, Any]) -> ProviderAnswer:
    return ProviderAnswer(
        provider=str(entry["provider"]),
        request=str(entry["request"]),
        body=base64.b64decode(str(entry["bodyBase64"]), validate=True),
        sha256=str(entry["sha256"]),
        sent_unix_ns=int(entry["sentUnixNs"]),
        latency_ms=float(entry["latencyMs"]),
        slot=int(entry["slot"]),
        uptime=float(entry["uptime"]),
        price_impact=float(entry["priceImpact"]),
    )
