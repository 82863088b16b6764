"""A Solana market from a recording: real account bytes, the real RPC methods, and a seeded flow of swaps.

For people without an RPC endpoint, and for tests. Nothing above the RPC client can tell it from a chain, except by
asking for `getProvenance` (`docs/decisions/0002-provenance.md`).
"""
