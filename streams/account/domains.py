"""Domains: which company an address belongs to.

In: accounts that say that a domain is theirs, addresses at it, what is known of the company.  Kept: the claims, the
company.  Out: memberships, and what is known, for the addresses.
"""

import re
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from streams.account.messages import DOMAIN, Claim, DomainMember, Membership
from streams.events import NO_FIELDS, AccountState, Alias, Millis
from streams.identifiers import EMAIL
from streams.identity.mail import domain_of, is_free_mail, normalise_domain
from streams.touches.sites import registered

_scheme = re.compile(r"[a-z][a-z0-9+.-]*://").match
_after_host = re.compile(r"[/?#]").split


class Claimed(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an account said of the domain."""

    version: int
    created_at: Millis | None


class Domain(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The row of a domain."""

    claims: dict[str, Claimed] = {}
    """{account: what it said last}"""
    turns: int = 0
    """How often the holder changed."""
    company: bytes = b""
    """What a source of companies knows, a JSON object; empty: nothing."""
    told: int = 0
    """How often that became different."""

    @property
    def holder(self) -> str | None:
        """The account whose domain it is: the oldest of those that say so; None: nobody does."""
        claimed = [(said.created_at, account) for account, said in self.claims.items() if said.created_at is not None]
        return min(claimed)[1] if claimed else None


def claimed(domain: Domain, claim: Claim) -> Domain:
    """Take in a claim; one that is not newer than what its account said changes nothing: the same row."""
    known = domain.claims.get(claim.account)
    if known is not None and known.version >= claim.version:
        return domain
    claims = domain.claims | {claim.account: Claimed(claim.version, claim.created_at)}
    after = replace(domain, claims=claims)
    return after if after.holder == domain.holder else replace(after, turns=domain.turns + 1)


def moved(before: Domain, after: Domain, members: Iterable[Alias]) -> list[Membership]:
    """List who leaves which account and joins which, when the holder is another."""
    if before.holder == after.holder:
        return []
    ways = [(account, joined) for account, joined in ((before.holder, False), (after.holder, True)) if account]
    return [Membership(alias, account, after.turns, joined) for alias in members for account, joined in ways]


def company_told(domain: str, row: Domain, members: Iterable[Alias]) -> list[AccountState]:
    """Tell members what is known of the company of their domain, as an account that no record is of."""
    state = msgspec.Raw(row.company) if row.company else NO_FIELDS
    return [AccountState(alias, DOMAIN + domain, row.told, state) for alias in members]


def member_of(alias: Alias) -> DomainMember | None:
    """Introduce an address to its domain; None: the alias is no address, or its domain says nothing of a company."""
    if not alias.startswith(EMAIL):
        return None
    domain = company_domain(domain_of(alias))
    return DomainMember(alias, domain) if domain is not None else None


def website_domain(website: object) -> str | None:
    """Give the registrable domain of an account's Website; None: there is none, or it is not a company's."""
    if not isinstance(website, str):
        return None
    text = website.strip().lower()
    found = _scheme(text)
    host = _after_host(text[found.end() :] if found else text, maxsplit=1)[0].rpartition("@")[2].partition(":")[0]
    domain = normalise_domain(host)
    return company_domain(domain) if domain is not None else None


def company_domain(domain: str) -> str | None:
    """Give the registrable domain; None where it gives mailboxes to anybody, or domains, or is none."""
    if normalise_domain(domain) is None or is_free_mail(domain):
        return None
    return registered(domain)
