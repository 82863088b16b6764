"""NATS nkeys: an Ed25519 key in the text form that nats-server reads, and the signature it asks for.

A text is base32, without padding, of: prefix bytes, 32 bytes of key, and their CRC-16 (XMODEM), little-endian. Signing
itself is `solders`', which the platform has for Solana's keys anyway; so no secret is ever sent, and whoever listens
on the server's port in its place learns nothing of use.

Source: nats-io/nkeys, README.md and xkeys.go, strkey.go.
"""

import base64
import binascii
import secrets
from typing import Final

from solders.keypair import Keypair

from quote_core.errors import InvalidField

__all__ = ["UserKey"]

_SEED: Final = 18 << 3
_USER: Final = 20 << 3
_KEY_BYTES: Final = 32
_SEED_PREFIX: Final = bytes((_SEED | _USER >> 5, (_USER & 31) << 3))


class UserKey:
    """The key pair of one user of a NATS server.

    Args:
        seed_text: `SU...`, 58 characters.

    Raises:
        InvalidField: It is no seed of a user's key; the message does not repeat it.
    """

    def __init__(self, seed_text: str) -> None:
        try:
            raw = base64.b32decode(seed_text.strip() + "======")
        except (binascii.Error, ValueError):
            raise InvalidField("nkey", "must be base32") from None
        if len(raw) != len(_SEED_PREFIX) + _KEY_BYTES + 2 or not raw.startswith(_SEED_PREFIX):
            raise InvalidField("nkey", "must be the seed of a user's key, SU and 56 more letters and digits")
        if raw[-2:] != _crc(raw[:-2]):
            raise InvalidField("nkey", "has a wrong checksum; a letter was changed or lost")
        self._pair = Keypair.from_seed(raw[len(_SEED_PREFIX) : -2])

    @property
    def public(self) -> str:
        """What the server knows the user by: `U...`, 56 characters."""
        return _text(bytes((_USER,)) + bytes(self._pair.pubkey()))

    def sign(self, nonce: str) -> bytes:
        """The answer to the server's challenge, in base64."""
        return base64.b64encode(bytes(self._pair.sign_message(nonce.encode())))

    @staticmethod
    def new_seed() -> str:
        """The text of a key that nobody has yet."""
        return _text(_SEED_PREFIX + secrets.token_bytes(_KEY_BYTES))


def _text(raw: bytes) -> str:
    return base64.b32encode(raw + _crc(raw)).decode().rstrip("=")


def _crc(raw: bytes) -> bytes:
    return binascii.crc_hqx(raw, 0).to_bytes(2, "little")
