"""The page's own files, read once, and the headers that everything of the page goes out with."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Final

__all__ = ["HEADERS", "INDEX", "Asset", "build_of", "load_assets"]

INDEX: Final = "index.html"

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""Nothing from elsewhere, nothing inline, no frame around it; and no text can become markup by mistake."""

_TYPES: Final = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    content_type: str
    etag: str


def load_assets() -> Mapping[str, Asset]:
    """All files by name."""
    assets = {}
    for file in sorted(resources.files(__package__).joinpath("data").iterdir(), key=lambda file: file.name):
        body = file.read_bytes()
        content_type = _TYPES[file.name[file.name.rindex(".") :]]
        assets[file.name] = Asset(body, content_type, hashlib.blake2b(body, digest_size=8).hexdigest())
    return assets


def build_of(assets: Mapping[str, Asset]) -> str:
    """A text that is another one whenever any of the files is."""
    return hashlib.blake2b("".join(asset.etag for asset in assets.values()).encode(), digest_size=8).hexdigest()
