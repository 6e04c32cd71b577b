"""Accounts: the row of each account - who belongs to it, its opportunities, and what its members were told last."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from agents.processors.account.records import Records, unpack
from agents.processors.account.references import CURRENCY, References
from agents.processors.account.shelf import Family, Shelf
from agents.processors.out import Out, Refetch
from streams.account.conversions import account_contribution, conversions_of, remembered, shares_of
from streams.account.messages import Membership, Opportunity, Reference, Telling, Touches, encode_message
from streams.account.news import Changed
from streams.account.state import (
    TOLD_OPPORTUNITIES,
    Deal,
    account_view,
    deal_of,
    state_of,
    with_deals,
)
from streams.activity import Touch
from streams.contributions import contribution_message, fields_of
from streams.events import NO_FIELDS, AccountState, Alias, Millis, ShareOf, Told
from streams.identifiers import RECORD, record_alias
from streams.policy import Policy
from streams.salesforce.people import named, said
from streams.salesforce.record import Record
from streams.views import encode

MEMBERS_AT_MOST = 10_000
"""Members that an account takes in: each of them is told of each change."""
MASTER = "MasterRecordId"
ACCOUNTS = b"001"
"""Ids of accounts begin so."""
CACHED_ACCOUNTS = 2_000
"""Accounts whose opportunities a lane keeps read.  A bound of memory, not of correctness."""


class Heard(msgspec.Struct, array_like=True):
    """The row of an account."""

    number: int = 0
    """How many records made it send its state, or shares."""
    state: bytes = b""
    """What its members were told last; empty: nothing."""
    shares: dict[str, int] = {}
    """{contact: what it was told last of its share of ARR}"""
    rules: int = 0
    """Version of the rules that said so."""


class Brought(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The row of a person at its account: what brought it."""

    number: int
    touches: tuple[Touch, ...]


class Member(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The row of a member; who left has none."""

    version: int


_pack = msgspec.msgpack.Encoder().encode
_unpack_heard = msgspec.msgpack.Decoder(Heard).decode
_unpack_member = msgspec.msgpack.Decoder(Member).decode
_unpack_brought = msgspec.msgpack.Decoder(Brought).decode
_read_opportunity = msgspec.json.Decoder(Opportunity).decode


class Accounts:
    """The accounts of one lane."""

    def __init__(self, shelf: Shelf, records: Records, policy: Policy) -> None:
        self.touched: set[str] = set()
        """Accounts whose documents are due."""
        self.contributing: set[str] = set()
        """Accounts whose contributions are due."""
        self.refused = 0
        """Members beyond `MEMBERS_AT_MOST`."""
        self._shelf = shelf
        self._records = records
        self._policy = policy
        self._references = References(shelf, policy.accounts)
        self._deals: dict[str, list[Deal]] = {}
        self._owned: defaultdict[str, set[str]] = defaultdict(set)
        for row in shelf.records(ACCOUNTS):
            self._note_owner(Changed(None, unpack(row).record, 0))

    def stale(self) -> list[str]:
        """List the accounts that were told by other rules."""
        return [one for one in self._shelf.owners(Family.account) if self._heard(one).rules != self._policy.version]

    def membership(self, said: Membership, out: Out) -> None:
        """Take in who joined or left."""
        row = self._shelf.get(Family.member, said.account, said.alias)
        if row is not None and _unpack_member(row).version >= said.version:
            return
        if said.joined and row is None and self._shelf.count(Family.member, said.account) >= MEMBERS_AT_MOST:
            self.refused += 1
            return
        if said.joined:
            self._shelf.put(_pack(Member(said.version)), Family.member, said.account, said.alias)
        else:
            self._shelf.drop(Family.member, said.account, said.alias)
        if said.joined == (row is None):
            self.hear(said.account, out, said)

    def opportunity(self, said: Opportunity, out: Out) -> None:
        """Take in what an opportunity is now."""
        row = self._shelf.get(Family.opportunity, said.account, said.opportunity)
        if row is not None and _read_opportunity(row).version >= said.version:
            return
        self._shelf.put(encode_message(said), Family.opportunity, said.account, said.opportunity)
        self._deals.pop(said.account, None)
        self.renew(said.account, out)

    def touches(self, said: Touches) -> None:
        """Take in what brought a person, where it may have brought a conversion."""
        row = self._shelf.get(Family.touches, said.account, said.person)
        known = _unpack_brought(row) if row is not None else Brought(0, ())
        if known.number >= said.number:
            return
        brought = Brought(said.number, remembered(known.touches, said.since, said.touches))
        if brought.touches:
            self._shelf.put(_pack(brought), Family.touches, said.account, said.person)
        else:
            self._shelf.drop(Family.touches, said.account, said.person)
        converted = max((one.at for one in conversions_of(self._deals_of(said.account))), default=0)
        if _until(converted, brought) != _until(converted, known):
            self.contributing.add(said.account)

    def telling(self, said: Telling, out: Out) -> None:
        """Tell a line to all members."""
        out.people(Told(alias, said.change, said.once) for alias in self._members(said.account))

    def reference(self, said: Reference, out: Out) -> None:
        """Take in a User or a currency, for the accounts that it concerns."""
        if not self._references.take(said):
            return
        if said.object == CURRENCY:
            self._deals.clear()
            for account in sorted(self._shelf.owners(Family.account)):
                self.renew(account, out)
        else:
            for account in sorted(self._owned.get(said.record, ())):
                self.hear(account, out)

    def changed(self, changed: Changed, out: Out) -> None:
        """Take in what became different of the account itself."""
        account = changed.after.record
        self._note_owner(changed)
        self.hear(account, out)
        if changed.line is not None:
            self.telling(Telling(account, changed.line, out.once), out)

    def merged(self, changed: Changed, at: Millis, out: Out) -> None:
        """Have everything below an account read again that was merged into another: it moved without a word."""
        account = changed.after.record
        if said(changed.after, MASTER) is None or said(changed.before, MASTER) is not None:
            return
        for deal in self._deals_of(account):
            out.refetch(Refetch("Opportunity", deal.id, at, "merged"))
        for alias in self._members(account):
            if alias.startswith(RECORD):
                out.refetch(Refetch("Contact", alias.removeprefix(RECORD), at, "merged"))

    def renew(self, account: str, out: Out) -> None:
        """Tell all that follows from the account's opportunities: these, their rates, or the rules are others."""
        self.contributing.add(account)
        self.hear(account, out)

    def hear(self, account: str, out: Out, membership: Membership | None = None) -> None:
        """Tell the account's state: to all members where it is another, else to whom a membership concerns."""
        self.touched.add(account)
        heard, state = self._heard(account), self._told(account)
        sends: list[tuple[Alias, bytes]] = []
        if state != heard.state:
            sends = [(alias, state) for alias in self._members(account)]
        elif membership is not None and membership.joined:
            sends = [(membership.alias, state)]
        if membership is not None and not membership.joined:
            sends.append((membership.alias, b""))
        shares = self._shares(account)
        changed = [one for one in sorted(shares | heard.shares) if shares.get(one) != heard.shares.get(one)]
        number = heard.number + bool(sends or changed)
        out.people(AccountState(alias, account, number, _raw(told)) for alias, told in sends)
        out.people(ShareOf(record_alias(one), account, number, shares.get(one, 0)) for one in changed)
        self._shelf.put(_pack(Heard(number, state, shares, self._policy.version)), Family.account, account)

    def documents(self) -> list[tuple[str, bytes]]:
        """Make the documents of the accounts that were touched since the last time."""
        touched, self.touched = self.touched, set()
        return [(account, self._document(account)) for account in sorted(touched)]

    def contributions(self) -> list[tuple[str, bytes | None]]:
        """Make what accounts add to the reports, of those of which it may be another since the last time."""
        due, self.contributing = self.contributing, set()
        return [(account, self._contribution(account)) for account in sorted(due)]

    def _contribution(self, account: str) -> bytes | None:
        rows = (self._shelf.get(Family.touches, account, one) for one in self._shelf.children(Family.touches, account))
        touches = [touch for row in rows if row is not None for touch in _unpack_brought(row).touches]
        deals, shared = self._deals_of(account), sum(self._heard(account).shares.values())
        cells = account_contribution(account, deals, touches, shared, self._policy.attribution.lookback)
        return contribution_message(account, fields_of(cells))

    def _shares(self, account: str) -> dict[str, int]:
        return shares_of(self._deals_of(account))

    def _document(self, account: str) -> bytes:
        record, state, deals = self._record(account), self._state(account), self._deals_of(account)
        deleted = record is not None and record.deleted
        return encode(account_view(account, state, deals, self._members(account), deleted=deleted))

    def _state(self, account: str) -> dict[str, Any] | None:
        deals, known = self._deals_of(account), self._references
        return state_of(self._record(account), deals, known.user, self._policy.accounts, known.rates)

    def _told(self, account: str) -> bytes:
        state = self._state(account)
        if state is None:
            return b""
        return encode(with_deals(state, self._deals_of(account), TOLD_OPPORTUNITIES))

    def _record(self, account: str) -> Record | None:
        """Return the account's record; None: nothing of it was visible yet, as after a gap."""
        kept = self._records.find(account)
        return kept.record if kept is not None and kept.version else None

    def _deals_of(self, account: str) -> list[Deal]:
        """Read the opportunities that are the account's now."""
        deals = self._deals.get(account)
        if deals is None:
            if len(self._deals) >= CACHED_ACCOUNTS:
                self._deals.clear()
            deals = self._deals[account] = list(self._read_deals(account))
        return deals

    def _read_deals(self, account: str) -> Iterator[Deal]:
        for one in self._shelf.children(Family.opportunity, account):
            row = self._shelf.get(Family.opportunity, account, one)
            said = _read_opportunity(row) if row is not None else None
            if said is not None and said.fields:
                fields = orjson.loads(bytes(said.fields))
                yield deal_of(one, fields, said.roles, self._policy.accounts, self._references.rates)

    def _members(self, account: str) -> list[Alias]:
        return self._shelf.children(Family.member, account)

    def _heard(self, account: str) -> Heard:
        row = self._shelf.get(Family.account, account)
        return _unpack_heard(row) if row is not None else Heard(rules=self._policy.version)

    def _note_owner(self, changed: Changed) -> None:
        account, before, now = changed.after.record, named(changed.before, "OwnerId"), named(changed.after, "OwnerId")
        if before is not None:
            self._owned[before].discard(account)
        if now is not None:
            self._owned[now].add(account)


def _until(at: Millis, brought: Brought) -> list[Touch]:
    return [touch for touch in brought.touches if touch.at <= at]


def _raw(state: bytes) -> msgspec.Raw:
    return msgspec.Raw(state) if state else NO_FIELDS
