"""Reference prices of the registered tokens: where they come from, which is used, and why not the others.

| module     | is                                                                       |
|------------|--------------------------------------------------------------------------|
| `reading`  | the one type that every source's word becomes                            |
| `policy`   | which reading is used; pure                                              |
| `accounts` | Pyth, Switchboard and staking tokens' rates, from the chain's accounts   |
| `hermes`   | Pyth's stream                                                            |
| `jupiter`  | Jupiter's price API                                                      |
| `reasons`  | why a reading is not the one that is used, in words                      |
| `prices`   | all of it together: one price a token                                    |
"""

from local_quote.oracle.policy import PolicyLimits, Standing
from local_quote.oracle.prices import OracleReading, OutsideSource, PriceOracle, SourceReading
from local_quote.oracle.reading import PriceReading, Refusal, Source, Unit

__all__ = [
    "OracleReading",
    "OutsideSource",
    "PolicyLimits",
    "PriceOracle",
    "PriceReading",
    "Refusal",
    "Source",
    "SourceReading",
    "Standing",
    "Unit",
]
