"""The recorded accounts that come with the package (`data/`, described in its README).

Reads, checks and joins the files; changes no byte. A pubkey in two files would make the market depend on the order
of a folder listing, so it is refused.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable

import zstandard

from quote_core.dex.pool import Account
from quote_core.errors import LayoutMismatch
from quote_core.units import Pubkey

__all__ = ["Recording", "load_recording"]

FILE_SUFFIX = ".json.zst"
FILE_SIZE_BYTES_MAX = 4 << 20


@dataclass(frozen=True, slots=True)
class Recording:
    """Recorded accounts, and the file each came from."""

    accounts: dict[Pubkey, Account]
    origins: dict[Pubkey, str]


def load_recording(folder: Traversable | None = None) -> Recording:
    """Read every file below `folder`, or the recording that comes with the package.

    Raises:
        LayoutMismatch: A file that is not a recording, or a pubkey recorded twice.
    """
    root = folder if folder is not None else resources.files("recorded_market") / "data"
    accounts: dict[Pubkey, Account] = {}
    origins: dict[Pubkey, str] = {}
    for name, content in _files(root, ""):
        for pubkey, account in _decode_file(name, content):
            if pubkey in accounts:
                raise LayoutMismatch(name, f"account {pubkey} is already in {origins[pubkey]}")
            accounts[pubkey] = account
            origins[pubkey] = name
    if not accounts:
        raise LayoutMismatch(str(root), "holds no recorded account")
    return Recording(accounts, origins)


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(FILE_SUFFIX):
            yield prefix + entry.name, entry.read_bytes()


def _decode_file(name: str, content: bytes) -> Iterator[tuple[Pubkey, Account]]:
    try:
        text = zstandard.ZstdDecompressor().decompress(content, max_output_size=FILE_SIZE_BYTES_MAX)
        entries = json.loads(text)["accounts"].items()
        for pubkey, entry in entries:
            if entry is None:  # absent on the chain it was recorded from, and so here
                continue
            data = base64.b64decode(entry["data_base64"], validate=True)
            yield Pubkey(pubkey), Account(Pubkey(entry["owner"]), data, int(entry["lamports"]))
    except (zstandard.ZstdError, ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise LayoutMismatch(name, f"is not a recording: {error!r}") from error
