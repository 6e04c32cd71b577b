"""Addresses: host, path and query of a URL that a stranger sent.  Nothing here raises on bad input."""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

MAX_HOST = 253
"""Characters: the most that a host name can have."""


class Address(NamedTuple):
    """The parts of a URL that say where a visit was and came from; empty: not there."""

    host: str = ""
    """Lower case, no port, no dot at the end."""
    path: str = ""
    query: str = ""


def parse(url: str | None) -> Address:
    """Take a URL apart.  What cannot be read gives an empty address; `example.com/x` without a scheme is read too."""
    text = (url or "").strip()
    if "://" not in text and not text.startswith(("/", "?", "#")) and "." in text.partition("/")[0]:
        text = f"//{text}"
    try:
        parts = urlsplit(text)
        host = parts.hostname or ""
    except ValueError:
        return Address()
    return Address(_clean(host), parts.path if host or parts.path.startswith("/") else "", parts.query)


def parameters(query: str) -> dict[str, str]:
    """Read a query: {name in lower case: its first value that is not blank, trimmed}."""
    found: dict[str, str] = {}
    for name, value in parse_qsl(query):
        if trimmed := value.strip():
            found.setdefault(name.lower(), trimmed)
    return found


def _clean(host: str) -> str:
    bare = host.rstrip(".")
    unusable = len(bare) > MAX_HOST or ".." in bare or bare.startswith(".") or any(map(str.isspace, bare))
    return "" if unusable else bare
