"""Mints as text: base58 of exactly 32 bytes, here so that the package needs nothing but the standard library."""

from shm.errors import InvalidMint
from shm.layout import MINT_BYTES

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
DIGITS = {character: digit for digit, character in enumerate(ALPHABET)}
TEXT_LENGTH_MAX = 44


def mint_bytes(mint: str | bytes) -> bytes:
    """Return the 32 bytes of a mint given as base58 text or as bytes.

    Raises:
        InvalidMint: Anything else.
    """
    if isinstance(mint, bytes):
        if len(mint) != MINT_BYTES:
            raise InvalidMint(mint)
        return mint
    if len(mint) > TEXT_LENGTH_MAX:
        raise InvalidMint(mint)
    number = 0
    for character in mint:
        digit = DIGITS.get(character)
        if digit is None:
            raise InvalidMint(mint)
        number = number * 58 + digit
    leading_zeros = len(mint) - len(mint.lstrip("1"))
    significant = number.to_bytes((number.bit_length() + 7) // 8, "big")
    if leading_zeros + len(significant) != MINT_BYTES:
        raise InvalidMint(mint)
    return bytes(leading_zeros) + significant


def mint_text(mint: bytes) -> str:
    """Return the base58 text of 32 bytes."""
    leading_zeros = len(mint) - len(mint.lstrip(b"\0"))
    number = int.from_bytes(mint, "big")
    characters: list[str] = []
    while number:
        number, digit = divmod(number, 58)
        characters.append(ALPHABET[digit])
    return "1" * leading_zeros + "".join(reversed(characters))
