"""Exact quotes from on-chain pool state held in memory, over gRPC. Run as `python -m local_quote`.

Left to right through the house: `refresh` brings accounts, `pool_store` holds them, `quoter` prices, `quote_table`
keeps the streamed rows, `wire` and `servicer` speak gRPC, `app` wires all of it.
"""
