"""`python -m solquote`, for where the script is not on the path."""

from solquote.cli import main

if __name__ == "__main__":
    main()
