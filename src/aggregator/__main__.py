"""`python -m aggregator`."""

from aggregator.app import main

if __name__ == "__main__":
    main()
