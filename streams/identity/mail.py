"""Mail: what an email address says about whose it is.

In: text.  Out: the address as it is compared, its domain, and whether one person or one company stands behind it.
The lists are in mail_lists.py.
"""

import re
from functools import lru_cache
from typing import Final

from streams.identity.mail_lists import DISPOSABLE, FREE_MAIL, FREE_MAIL_BRANDS, ROLE_MAILBOXES
from streams.touches.sites import lies_in, registrable

MAX_EMAIL: Final = 320
MAX_DOMAIN: Final = 253
ADDRESSES_REMEMBERED: Final = 16_384
_looks_like_email = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+").fullmatch
_looks_like_domain = re.compile(r"(?!-)[\w-]{1,63}(?:\.(?!-)[\w-]{1,63})+").fullmatch
_brand_ends = re.compile(r"com|net|[a-z]{2}|com?\.[a-z]{2}").fullmatch
_signs = re.compile(r"[._-]").sub
_branch = re.compile(r"[_-]").split


def normalise_email(text: str) -> str | None:
    """Trim and write in lower case; None where it does not look like an address.

    Tags (`ada+news@`) and dots stay: at most providers `a.da@` is somebody else than `ada@`.
    """
    email = text.strip().lower()
    return email if len(email) <= MAX_EMAIL and _looks_like_email(email) else None


def domain_of(email: str) -> str:
    """Give the domain of a normalised address."""
    return email.rpartition("@")[2]


def normalise_domain(text: str) -> str | None:
    """Write a domain in lower case, without `www.` and a dot at the end; None where it is none, or an address."""
    domain = text.strip().lower().removesuffix(".").removeprefix("www.")
    fits = len(domain) <= MAX_DOMAIN and _looks_like_domain(domain)
    return domain if fits and not domain.replace(".", "").isdigit() else None


@lru_cache(maxsize=ADDRESSES_REMEMBERED)
def is_role_mailbox(email: str) -> bool:
    """Tell whether a normalised address is an office's, not a person's.

    | local part                           |     | because                                           |
    |--------------------------------------|-----|---------------------------------------------------|
    | no-reply, no.reply                   | yes | the list has it, with its signs or without        |
    | support+de, sales-emea, info_fr      | yes | the list has what stands before the first + - _   |
    | dev.patel                            | no  | before a dot stands a first name, as a rule       |
    | salesforce                           | no  | only whole words count                            |
    """
    local = email.rpartition("@")[0].partition("+")[0]
    return bool({local, _signs("", local), _branch(local, maxsplit=1)[0]} & ROLE_MAILBOXES)


def is_free_mail(domain: str) -> bool:
    """Tell whether a domain gives mailboxes to anybody (disposable ones too), so that it says nothing of a company."""
    brand, _, end = registrable(domain).partition(".")
    if brand in FREE_MAIL_BRANDS and _brand_ends(end):
        return True
    return lies_in(domain, FREE_MAIL) or is_disposable(domain)


def is_disposable(domain: str) -> bool:
    """Tell whether a domain gives mailboxes that last for minutes."""
    return lies_in(domain, DISPOSABLE)
