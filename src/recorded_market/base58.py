"""Base58 of any short byte string, as memcmp filters and account data use it; addresses go through `solders`."""

__all__ = ["base58_decode", "base58_encode"]

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGITS = {character: digit for digit, character in enumerate(ALPHABET)}
TEXT_LENGTH_MAX = 1024
"""Far above the 128 bytes a node accepts; decoding is quadratic, so it must end somewhere."""


def base58_decode(text: str) -> bytes:
    """Decode `text`; each leading `1` is a zero byte.

    Raises:
        ValueError: A character outside the alphabet, or text longer than `TEXT_LENGTH_MAX`.
    """
    if len(text) > TEXT_LENGTH_MAX:
        raise ValueError(f"base58 text of {len(text)} characters, at most {TEXT_LENGTH_MAX} are read")
    number = 0
    for character in text:
        if character not in _DIGITS:
            raise ValueError(f"{character!r} is not a base58 character")
        number = number * 58 + _DIGITS[character]
    zero_count = len(text) - len(text.lstrip("1"))
    return bytes(zero_count) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base58_encode(content: bytes) -> str:
    """Encode `content`; each leading zero byte is a `1`."""
    number = int.from_bytes(content, "big")
    characters: list[str] = []
    while number:
        number, digit = divmod(number, 58)
        characters.append(ALPHABET[digit])
    zero_count = len(content) - len(content.lstrip(b"\0"))
    return "1" * zero_count + "".join(reversed(characters))
