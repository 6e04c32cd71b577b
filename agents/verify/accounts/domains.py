"""Verify, accounts.  Domains: the registrable domain of a website or an address (docs/accounts.md, parts 2 and 3)."""

import re
from functools import cache
from typing import Any

from publicsuffixlist import PublicSuffixList

from agents.verify.accounts.free_mail import is_free_mail

SCHEME = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?//")
PATH = re.compile(r"[/?#\\].*", re.DOTALL)
PORT = re.compile(r":\d*$")
NAME = re.compile(r"[^\s:@\[\].]+(\.[^\s:@\[\].]+)+")
NUMBERS = re.compile(r"[\d.]+")


@cache
def _suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def of_website(website: Any) -> str | None:
    """Give the domain that an account claims; None: it claims none."""
    if not isinstance(website, str):
        return None
    place = PATH.sub("", SCHEME.sub("", website.strip().lower()))
    return _company(PORT.sub("", place.rpartition("@")[2]).removeprefix("www."))


def of_alias(alias: str) -> str | None:
    """Give the domain to which an `email:` alias belongs; None: to none."""
    return _company(alias.removeprefix("email:").rpartition("@")[2].lower())


def _company(host: str) -> str | None:
    host = host.removesuffix(".")
    if not NAME.fullmatch(host) or NUMBERS.fullmatch(host):
        return None
    domain = _suffixes().privatesuffix(host)
    return None if domain is None or is_free_mail(domain) else str(domain)
