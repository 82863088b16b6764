"""What requests and answers look like, for the OpenAPI document; tests hold each to its model."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["BATCH", "ERRORS", "LABELS", "MINTS", "PARAMETERS", "QUOTE", "SOL", "TOKEN", "TOKEN_INFORMATION", "USDC"]

SOL: Final = "So11111111111111111111111111111111111111112"
USDC: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"

PARAMETERS: Final[Mapping[str, Any]] = {"inputMint": SOL, "outputMint": USDC, "amount": 1_000_000_000, "mint": SOL}
BATCH: Final = {"quotes": [{"inputMint": SOL, "outputMint": USDC, "amount": "1000000000"}]}
MINTS: Final = [SOL, USDC]
LABELS: Final = {"whirLbMiicVdio4qvUfM5KAg6Ct8VwpYzGff3uctyCc": "Whirlpool"}

QUOTE: Final[Mapping[str, Any]] = {
    "inputMint": SOL,
    "inAmount": "1000000000",
    "outputMint": USDC,
    "outAmount": "81723036",
    "otherAmountThreshold": "81314420",
    "swapMode": "ExactIn",
    "slippageBps": 50,
    "priceImpactPct": "0.0000039",
    "platformFee": None,
    "routePlan": [
        {
            "swapInfo": {
                "ammKey": "3ucNos4NbumPLZNWztqGHNFFgkHeRMBQAVemeeomsUxv",
                "label": "Raydium CLMM",
                "inputMint": SOL,
                "inAmount": "1000000000",
                "outputMint": USDC,
                "outAmount": "81723036",
                "feeAmount": "400000",
                "feeMint": SOL,
                "provenance": "recorded",
            },
            "percent": 100,
        }
    ],
    "contextSlot": 436453906,
    "timeTaken": 0.000057,
    "source": "local",
    "provider": None,
    "confidence": 0.99,
    "confidenceFactors": {"poolAge": 0.98, "route": 1.0, "oracle": 0.99, "provider": 1.0, "slippage": 1.0},
    "decision": "execute",
    "caps": [],
    "provenance": "recorded",
    "oraclePrice": 81.7439,
    "oracleDisagreement": 0.0,
    "ageMs": 412,
    "routeId": "9153209372904372611",
    "quoteId": "qX8Gu23KvbmDAAAAADuaygAAAAAABN7-nAAAAAAaA8IS0vxNLOsM",
}

TOKEN: Final[Mapping[str, Any]] = {
    "address": SOL,
    "name": "SOL",
    "symbol": "SOL",
    "decimals": 9,
    "logoURI": None,
    "tags": ["verified"],
    "daily_volume": None,
    "created_at": None,
    "minted_at": None,
    "freeze_authority": None,
    "mint_authority": None,
    "permanent_delegate": None,
    "extensions": {},
}

TOKEN_INFORMATION: Final[Mapping[str, Any]] = {
    "id": SOL,
    "name": "SOL",
    "symbol": "SOL",
    "icon": None,
    "decimals": 9,
    "tags": ["verified"],
    "isVerified": True,
}

ERRORS: Final[Mapping[str, Mapping[str, str]]] = {
    "400": {
        "error": "slippageBps: must be a whole number of basis points from 0 to 10000, digits only, got '10001'",
        "errorCode": "INVALID_ARGUMENT",
    },
    "401": {"error": "authorization: a token is asked for here, as `Bearer TOKEN`", "errorCode": "UNAUTHENTICATED"},
    "403": {"error": "authorization: the token does not allow this, `read` does", "errorCode": "PERMISSION_DENIED"},
    "404": {
        "error": "outputMint: Vote111111111111111111111111111111111111111 is not registered",
        "errorCode": "NOT_FOUND",
    },
    "413": {"error": "POST /v1/quote/batch: Request Entity Too Large", "errorCode": "RESOURCE_EXHAUSTED"},
    "422": {"error": "SOL/sSOL: no pool", "errorCode": "FAILED_PRECONDITION"},
    "429": {"error": "jupiter: rate limited, retry after 1000 ms", "errorCode": "RESOURCE_EXHAUSTED"},
    "502": {"error": "local quote service: output_amount is 0", "errorCode": "DATA_LOSS"},
    "503": {"error": "local quote service: is not there", "errorCode": "UNAVAILABLE"},
    "504": {"error": "local quote service: no answer in time", "errorCode": "DEADLINE_EXCEEDED"},
}
