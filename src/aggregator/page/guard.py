"""Which requests are the page's own. Pure.

The page has no session: what it must not do is answer another site's page in the same browser. Such a page is told by
its `Origin`, or by a `Host` that is a name nobody here goes by (DNS rebinding: the attacker's name, our address).
"""

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

__all__ = ["why_not_ours", "why_not_posted_by_us"]


def why_not_ours(headers: Mapping[str, str], *, hosts: Collection[str]) -> str:
    """What makes a request another site's; empty when nothing does.

    Args:
        headers: Of the request.
        hosts: Names by which browsers may ask, beside IP addresses and localhost.
    """
    host = headers.get("Host", "")
    if not _is_known(host, hosts):
        return f"Host: {host[:100]!r} is no name of this page; SOLQUOTE_AGGREGATOR_PAGE_HOSTS lists those it has"
    origin = headers.get("Origin")
    if origin is not None and _authority(origin) != host.lower():
        return "Origin: another site's page may not read this one"
    site, mode = headers.get("Sec-Fetch-Site", "none"), headers.get("Sec-Fetch-Mode", "")
    if site not in {"same-origin", "none"} and mode != "navigate":
        return "Sec-Fetch-Site: another site's page may not read this one"
    return ""


def why_not_posted_by_us(headers: Mapping[str, str]) -> str:
    """What makes a POST of `why_not_ours` one that a form of another site could have sent; empty when nothing does."""
    if "Origin" not in headers:
        return "Origin: is required"
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        return "Content-Type: must be application/json"
    return ""


def _is_known(host: str, hosts: Collection[str]) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost") or name in {one.lower() for one in hosts}:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
