"""What a client of Jupiter's finds here, for docs/http.md; a test holds the parameters to those the API reads.

Source of what Jupiter has: jup-ag/docs, openapi-spec/swap/v1/swap.yaml and tokens/, and `@jup-ag/api` 6.0.48.
"""

from typing import Final

__all__ = ["ADDRESSES", "CLIENT", "PARAMETERS", "PATHS", "SWAPS"]

_HERE: Final = "http://127.0.0.1:8080"

ADDRESSES: Final = (
    ("`https://api.jup.ag/swap/v1`, `https://lite-api.jup.ag/swap/v1`", f"`{_HERE}/swap/v1`"),
    ("`https://quote-api.jup.ag/v6`", f"`{_HERE}/v6`"),
    ("a server of one's own", f"`{_HERE}`"),
    ("`https://api.jup.ag/tokens/v1`, `https://api.jup.ag/tokens/v2`", f"`{_HERE}/tokens/v1`, `{_HERE}/tokens/v2`"),
    ("`https://tokens.jup.ag`", f"`{_HERE}`"),
)

CLIENT: Final = f"""\
With `@jup-ag/api` that is `new SwapApi(new Configuration({{ basePath: "{_HERE}/swap/v1" }}))`; its
`createJupiterApiClient` ignores a `basePath`. Where [tokens are asked for](security.md#who-may-ask) a client shows one
as `x-api-key: TOKEN` or `Authorization: Bearer TOKEN` (`headers` of the same `Configuration`).

A parameter of `/quote` is honoured, or refused with 400 by its name, also one that nobody knows. "Our engine alone"
means that outside providers are not asked, and that no row of shared memory stands for the answer.
"""

_EITHER: Final = "either value holds"
_OWN_SLIPPAGE: Final = ("refused but for `false`", "slippage is the caller's")

PARAMETERS: Final = (
    (
        "`inputMint`, `outputMint`",
        "honoured",
        "registered tokens, 404 names any other; both may be one from `maxHops=2` on",
    ),
    ("`amount`", "honoured", "digits alone: no sign, point or exponent"),
    ("`slippageBps`", "honoured", "up to 10000"),
    ("`swapMode`", "honoured", "`ExactOut` on every DEX, by our engine alone; the most that goes in is rounded up"),
    (
        "`dexes`, `excludeDexes`",
        "honoured",
        "our labels (`orca_whirlpool`) or Jupiter's (`Whirlpool`), by comma or repeated, no other; our engine alone",
    ),
    ("`onlyDirectRoutes`", "honoured", "`true`: one swap, our engine alone"),
    ("`asLegacyTransaction`", "honoured", "`true`: one swap, which always fits; our engine alone"),
    ("`restrictIntermediateTokens`", "honoured", f"{_EITHER}: routes pass through registered tokens"),
    (
        "`maxAccounts`",
        "honoured",
        "18 or more, what one swap takes, counted as [routes](routes.md#accounts) says; below 58 our engine alone",
    ),
    (
        "`platformFeeBps`",
        "honoured",
        "taken off `outAmount` and told in `platformFee`, which is null without one; refused with `ExactOut`",
    ),
    ("`instructionVersion`", "honoured", "`V1`, `V2`: a quote is the same"),
    ("`forJitoBundle`", "honoured", f"{_EITHER}: no DEX here is unfit for a bundle"),
    ("`supportDynamicIntermediateTokens`", "honoured", f"{_EITHER}: routes pass through registered tokens"),
    ("`dynamicSlippage`", *_OWN_SLIPPAGE),
    ("`autoSlippage`, `computeAutoSlippage`, `minimizeSlippage`", *_OWN_SLIPPAGE),
    ("`preferLiquidDexes`", "refused but for `false`", "`dexes` names those that are wanted"),
    (
        "`maxHops`, `maxSplits`",
        "ours",
        "swaps one after the other, routes that the amount is split over ([routes](routes.md)); without them one swap "
        "where the pair has a pool; our engine alone",
    ),
)

PATHS: Final = (
    ("`GET /program-id-to-label`", "answered", "the DEXes known here"),
    (
        "`GET /tokens`, `/token/{mint}`, `/tokens/v1/...`, `/tokens/v2/search`, `/tokens/v2/tag`",
        "answered",
        "the registered tokens, tagged `verified` and `lst`; what is not known here is null, or left out in v2",
    ),
    ("`POST /swap`, `/swap-instructions`", "refused, 501", "transactions are not built here yet"),
)

SWAPS: Final = """\
Until then take a quote's pools from `routePlan` (`ammKey`, by DEX in `label`) and build the swap with that DEX's own
SDK, or have Jupiter build it from a quote of its own.
"""
