"""Verify, room 5c.  Everybody: who belongs to whom in the end, by web events and by Salesforce, and what is known.

In: what the fold says of people, and what Salesforce told of each alias.  Out: rows, owners, who is gone; of a person
the records, the account, the company, the ARR.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import duckdb

from agents.verify.people import EVER, Outcome, Recount
from agents.verify.progress import Progress
from agents.verify.salesforce.aliases import RECORD, Alias, Belonging, Facts

MOST_HOPS = 8
"""Rows that pass a part on."""
DOMAIN = "domain:"
FULL = "SELECT DISTINCT row FROM ue WHERE kind = 'refused' AND person IS NOT NULL"
OF_FULL_ROWS = "people of whom a full row refused what others forwarded"


@dataclass(slots=True)
class Everybody:
    """Everybody, in the end."""

    recount: Recount
    told: dict[str, Alias]
    """By alias: what Salesforce told of it."""
    progress: Progress
    partition: Callable[[str], int]
    """Of a key."""
    full: frozenset[str] = frozenset()
    """Rows that refused what others forwarded to them: what they know cannot be told."""
    owner: dict[str, str] = field(default_factory=dict)
    """By alias, of those that have one."""
    gone: dict[str, int | None] = field(default_factory=dict)
    """By alias that is forgotten: when, where that is known."""
    rows: dict[str, bool] = field(default_factory=dict)
    """Rows that exist, and whether surely so."""
    members: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By row: the aliases whose parts it holds, but its own."""

    def __post_init__(self) -> None:
        records = {alias: one for alias, one in self.told.items() if alias.startswith(RECORD)}
        self.gone = {**self.recount.gone, **{alias: None for alias, one in records.items() if one.gone}}
        self.owner = {**self.recount.owner, **{alias: one.owner for alias, one in records.items() if one.owner}}
        self._forget(records)
        self.owner = {alias: owner for alias, owner in self.owner.items() if alias not in self.gone}
        self.rows = self._rows()
        for alias in self.owner:
            for row in self.chain(alias)[:MOST_HOPS]:
                if row != alias:
                    self.members[row].append(alias)

    def _forget(self, records: Iterable[str]) -> None:
        """Whoever comes to belong to somebody forgotten is forgotten too."""
        for alias in records:
            if any(one in self.gone for one in (alias, *self.chain(alias))):
                self.gone.setdefault(alias, None)

    def _rows(self) -> dict[str, bool]:
        maybe = {owner for one in self.told.values() for owner in one.owners}
        maybe |= {to for others in self.recount.said.values() for to in others}
        named = {owner for one in self.told.values() if one.split is None and not one.gone for owner in one.owners}
        surely = {*self.recount.received, *self.told, *self.owner, *self.owner.values(), *named}
        return {row: row in surely for row in sorted(maybe | surely) if row not in self.gone}

    def chain(self, alias: str) -> list[str]:
        """Give the owner, the owner's owner, and so on, until nobody or somebody new."""
        found: list[str] = []
        while (owner := self.owner.get(found[-1] if found else alias)) is not None and owner not in found:
            found.append(owner)
        return found

    def person_of(self, alias: str) -> str | None:
        """Give the person to whom parts of an alias come; None: nobody."""
        chain = self.chain(alias)[:MOST_HOPS]
        root = chain[-1] if chain else alias
        return None if root in self.owner or root in self.gone else root

    def ever(self, alias: str) -> set[str]:
        """Give all rows to which something of an alias may ever have come, its own among them."""
        found, new = {alias}, [alias]
        while new:
            one = new.pop()
            owners = self.told[one].owners if one in self.told else set[str]()
            more = ({*owners, *self.recount.said.get(one, ())}) - found
            found |= more
            new += more
        return found

    def people(self) -> Iterator[str]:
        """Give the rows that are people."""
        return (row for row in self.rows if row not in self.owner)

    def outcome(self, person: str) -> Outcome:
        """Say what has become of a person; of whom Salesforce alone knows, nothing has."""
        return self.recount.people.get(person) or Outcome(person)

    def until(self, person: str) -> int:
        """Give the instant up to and with which a person is decided."""
        return self.progress.until(self.partition(person))

    def is_pending(self, row: str) -> bool:
        """Say whether something was received for a row that need not be decided yet."""
        return self.recount.received.get(row, [EVER])[-1] > self.until(row)

    def aliases(self, row: str) -> list[str]:
        """Give the aliases of a row, its own among them, sorted."""
        return sorted([row, *self.members.get(row, ())])

    def _parts(self, row: str) -> list[tuple[str, Alias]]:
        return [(alias, self.told[alias]) for alias in self.aliases(row) if alias in self.told]

    def records(self, row: str) -> list[Facts]:
        """List the records of a row as its document does."""
        known = [one.facts for _, one in self._parts(row) if one.facts is not None and one.facts.fields is not None]
        return sorted(known, key=lambda one: (one.object != "Contact", -one.modified_at, one.alias))

    def arr(self, row: str) -> int:
        """Sum up the shares of a row."""
        return sum(arr for _, one in self._parts(row) for _, arr in one.shares.values())

    def account(self, row: str) -> Belonging | None:
        """Choose the account: that of the first contact that has one, else the first by id that addresses were told."""
        for contact in (one for one in self.records(row) if one.object == "Contact"):
            named = self.told[contact.alias].states.get(contact.account or "")
            if named is not None and named.state is not None:
                return named
        of_mail = [one for one in self._of_addresses(row) if not one.account.startswith(DOMAIN)]
        return min(of_mail, key=lambda one: one.account, default=None)

    def company(self, row: str) -> Belonging | None:
        """Choose the company: of the domains of its addresses the one that sorts first."""
        known = [one for one in self._of_addresses(row) if one.account.startswith(DOMAIN)]
        return min(known, key=lambda one: one.account, default=None)

    def _of_addresses(self, row: str) -> list[Belonging]:
        """Give what addresses were told: of several of one account the latest."""
        said = [s for alias, one in self._parts(row) if alias.startswith("email:") for s in one.states.values()]
        latest = {one.account: one for one in sorted((s for s in said if s.state), key=lambda one: one.number)}
        return list(latest.values())


def full_rows(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """Give the rows that refused what others forwarded to them; needs `ingest_checks.leave_out_refused`."""
    return frozenset(row for (row,) in con.execute(FULL).fetchall())
