"""Text that people read, made fit for an event: bounded, on one line, and always encodable.

What a request or another process says may be of any length and hold anything, a lone surrogate or a terminal's escape
too; an event that cannot be encoded or is too large to be read again must not come of it.
"""

from typing import Final

__all__ = ["CUT", "NAME_CHARS_MAX", "REASON_CHARS_MAX", "fit_text"]

REASON_CHARS_MAX: Final = 500
NAME_CHARS_MAX: Final = 100
CUT: Final = "…"
"""Ends a text that was longer."""


def fit_text(text: str, chars_max: int) -> str:
    """`text` on one line, unprintable characters replaced, and cut to `chars_max` with `CUT` at the end if longer."""
    head = text[: 4 * chars_max]  # what is cut anyway need not be looked at
    line = " ".join(head.split())
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
    if len(printable) > chars_max or len(head) < len(text):
        return printable[: chars_max - len(CUT)] + CUT
    return printable
