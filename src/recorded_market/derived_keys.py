"""Addresses of what is made up: the SHA-256 of a label, so that nobody can hold the key and every run has the same."""

import hashlib

from quote_core.dex.layout import key_from_bytes
from quote_core.units import Pubkey

__all__ = ["derived_key"]


def derived_key(label: str) -> Pubkey:
    """The address that stands for `label`."""
    return key_from_bytes(hashlib.sha256(f"solquote recorded market: {label}".encode()).digest())
