from hypothesis import given, settings
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from recorded_market.base58 import base58_decode, base58_encode


@settings(deadline=None)
@given(st.binary(max_size=128))
def test_decoding_undoes_encoding(content: bytes) -> None:
    assert base58_decode(base58_encode(content)) == content


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_an_address_is_written_as_solana_writes_it(content: bytes) -> None:
    assert base58_encode(content) == str(Pubkey.from_bytes(content))
