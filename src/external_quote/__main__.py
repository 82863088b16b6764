"""`python -m external_quote`."""

from external_quote.app import main

if __name__ == "__main__":
    main()
