"""`python -m recorded_market`."""

from recorded_market.app import main

main()
