import base64

import pytest
from solders.pubkey import Pubkey
from solders.signature import Signature

from quote_core.bus.nkey import UserKey
from quote_core.errors import InvalidField

SEED = "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"
"""The one in the documentation of nats-server, with its public key; used nowhere."""
PUBLIC = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"


def test_the_public_key_is_the_one_that_the_documentation_gives():
    assert UserKey(SEED + "\n").public == PUBLIC


def test_a_signature_is_the_key_s_own():
    key = UserKey(SEED)
    signature = Signature.from_bytes(base64.b64decode(key.sign("a nonce")))
    raw = base64.b32decode(key.public)[1:33]
    assert signature.verify(Pubkey.from_bytes(raw), b"a nonce")


def test_a_new_seed_is_another_one_each_time():
    seeds = {UserKey.new_seed() for _ in range(3)}
    assert len({UserKey(seed).public for seed in seeds}) == 3
    assert all(seed.startswith("SU") and len(seed) == 58 for seed in seeds)


@pytest.mark.parametrize("text", ["", "SU", SEED[:-1] + "A", SEED.lower(), "SA" + SEED[2:], SEED + "AA", "ü" * 58])
def test_what_is_no_seed_is_refused_without_being_repeated(text: str):
    with pytest.raises(InvalidField, match="nkey: ") as refused:
        UserKey(text)
    assert len(text) < 10 or text not in str(refused.value)
