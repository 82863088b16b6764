"""`python -m local_quote`."""

from local_quote.app import main

main()
