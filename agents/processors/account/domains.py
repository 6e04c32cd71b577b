"""Domains: the row of each email domain, and who has an address there."""

import msgspec
from msgspec.structs import replace

from agents.processors.account.shelf import Family, Shelf
from agents.processors.out import Out
from streams.account.domains import Domain, claimed, company_told, moved
from streams.account.messages import Claim, CompanyKnown, DomainMember, Membership
from streams.events import Alias

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Domain).decode
PRESENT = b"\x01"


class Domains:
    """The domains of one lane."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def claim(self, claim: Claim, out: Out) -> None:
        """Take in what an account says; when the holder is another everybody moves."""
        before = self._find(claim.domain)
        after = claimed(before, claim)
        if after is not before:
            self._shelf.put(_pack(after), Family.domain, claim.domain)
            out.accounts(moved(before, after, self._shelf.children(Family.address, claim.domain)))

    def member(self, member: DomainMember, out: Out) -> None:
        """Take in an address; one that is known changes nothing."""
        if self._shelf.get(Family.address, member.domain, member.alias) is not None:
            return
        self._shelf.put(PRESENT, Family.address, member.domain, member.alias)
        domain = self._find(member.domain)
        if (holder := domain.holder) is not None:
            out.accounts([Membership(member.alias, holder, domain.turns, joined=True)])
        if domain.company:
            out.people(company_told(member.domain, domain, [member.alias]))

    def company(self, known: CompanyKnown, out: Out) -> None:
        """Take in what is known of the company, and tell all members where it is something else."""
        before = self._find(known.domain)
        if before.company == bytes(known.fields):
            return
        after = replace(before, company=bytes(known.fields), told=before.told + 1)
        self._shelf.put(_pack(after), Family.domain, known.domain)
        out.people(company_told(known.domain, after, self._shelf.children(Family.address, known.domain)))

    def forget(self, alias: Alias, domain: str, out: Out) -> None:
        """Let an address go, and have the holder let it go."""
        if self._shelf.get(Family.address, domain, alias) is None:
            return
        self._shelf.drop(Family.address, domain, alias)
        before = self._find(domain)
        if (holder := before.holder) is not None:
            turns = before.turns + 1
            self._shelf.put(_pack(replace(before, turns=turns)), Family.domain, domain)
            out.accounts([Membership(alias, holder, turns)])

    def _find(self, domain: str) -> Domain:
        row = self._shelf.get(Family.domain, domain)
        return _unpack(row) if row is not None else Domain()
