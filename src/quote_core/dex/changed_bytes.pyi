"""Where account bytes differ from before: a swap changes few of many ticks or bins, and of a vault the balance."""

def changed_items(before: bytes, after: bytes, *, offset: int, size_bytes: int) -> list[int]:
    """Positions of the items that differ, ascending; what is left over at the end is none.

    Args:
        before: The account's data as it was.
        after: As it is, of the same length.
        offset: Where the first item begins.
        size_bytes: Of an item.

    Raises:
        ValueError: The lengths differ, or an item has none.
    """

def is_same_outside(before: bytes, after: bytes, start: int, end: int, /) -> bool:
    """Whether an account's data is as long as before, and the same before `start` and from `end` on.

    Raises:
        ValueError: These are no bounds in `after`.
    """
