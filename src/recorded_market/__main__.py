"""`python -m recorded_market`."""

from recorded_market.app import main

if __name__ == "__main__":
    main()
