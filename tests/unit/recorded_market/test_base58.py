import pytest

from recorded_market.base58 import TEXT_LENGTH_MAX, base58_decode, base58_encode


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"\0", "1"),
        (b"\0\0a", "112g"),
        (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
        (bytes(32), "1" * 32),
    ],
)
def test_known_texts_go_both_ways(content: bytes, text: str) -> None:
    assert base58_encode(content) == text
    assert base58_decode(text) == content


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "é", "abc def"])
def test_characters_outside_the_alphabet_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a base58 character"):
        base58_decode(text)


def test_text_that_would_take_long_to_decode_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        base58_decode("2" * (TEXT_LENGTH_MAX + 1))
