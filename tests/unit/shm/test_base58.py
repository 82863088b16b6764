import pytest

from shm import InvalidMint
from shm.base58 import mint_bytes, mint_text

SOL = "So11111111111111111111111111111111111111112"


def test_known_mint_has_its_known_bytes() -> None:
    assert mint_bytes(SOL).hex() == "069b8857feab8184fb687f634618c035dac439dc1aeb3b5598a0f00000000001"
    assert mint_bytes("1" * 32) == bytes(32)


@pytest.mark.parametrize("mint", [bytes(32), bytes(range(32)), b"\xff" * 32, b"\0" + b"\x80" * 31])
def test_text_and_bytes_are_inverse(mint: bytes) -> None:
    assert mint_bytes(mint_text(mint)) == mint == mint_bytes(mint)


@pytest.mark.parametrize("mint", ["", "1" * 31, "1" * 33, "O" * 43, "z" * 44, SOL + "1", b"", b"x" * 33])
def test_anything_else_is_refused(mint: str | bytes) -> None:
    with pytest.raises(InvalidMint, match="32 bytes"):
        mint_bytes(mint)
