"""Market events: what the local quote service knows of the market, told on the bus, conflated and rate-bounded."""
