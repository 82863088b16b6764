"""Pairs that close cycles: the delivered ones all have SOL on one side, and so form none."""

from quote_core.tokens import Pair, load_tokens

_TOKENS = load_tokens()
SOL, USDC, JITOSOL, MSOL = (_TOKENS.resolve(symbol, field="symbol") for symbol in ("SOL", "USDC", "JitoSOL", "mSOL"))

TRIANGLE = (Pair(SOL, USDC), Pair(SOL, JITOSOL), Pair(JITOSOL, USDC))
"""SOL, USDC and JitoSOL, each with each."""

SQUARE = (*TRIANGLE, Pair(SOL, MSOL), Pair(MSOL, JITOSOL))
"""And mSOL, paired with SOL and JitoSOL: two triangles, which share a side, and the way round both."""
