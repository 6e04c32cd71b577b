"""Verify, accounts.  Fold: `account-events` in the order of each partition, and what each record of it makes.

In: the messages.  Kept: rows of records, opportunities, domains and accounts.  Out: for each record what it makes.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from agents.verify.accounts.claims import Domain
from agents.verify.accounts.references import References
from agents.verify.accounts.roles import RoleRow
from agents.verify.accounts.row import Account
from agents.verify.accounts.state import Money, money
from agents.verify.accounts.tells import Made, Telling, made_by, member, opportunity
from agents.verify.accounts.touches import is_touch
from agents.verify.report import Check
from agents.verify.rules import AccountRules
from agents.verify.salesforce.ids import id_or_none
from agents.verify.salesforce.records import Folded, Records
from agents.verify.salesforce.row import change_of
from agents.verify.salesforce.told import fields, line_of
from agents.verify.texts import canonical, parsed
from agents.verify.world import ACCOUNT_EVENTS

CONSUMED = f"""SELECT m.p, m.o, m.key, m.value FROM message m JOIN done d ON d.topic = m.topic AND d.p = m.p
    AND m.o < d.o
    WHERE m.topic = '{ACCOUNT_EVENTS}' ORDER BY m.p, m.o"""  # noqa: S608 - constants of this package

Source = tuple[str, int, int]
"""Topic, partition and offset of a record."""
Message = dict[str, Any]

SHAPES: dict[str, dict[str, Any]] = {
    "membership": {"alias": str, "account": str, "version": int},
    "opportunity": {"opportunity": str, "account": str, "version": int, "fields": dict | None, "roles": list | None},
    "telling": {"account": str, "change": dict, "once": str},
    "role": {"role": str, "opportunity": str, "version": int},
    "claim": {"domain": str, "account": str, "version": int},
    "domain-member": {"alias": str, "domain": str},
    "company": {"domain": str, "fields": dict | None},
    "reference": {"object": str, "record": str, "version": int, "fields": dict | None},
    "touches": {"person": str, "account": str, "number": int},
    "forgotten": {"alias": str},
}
"""Messages besides changes, and what each has to have."""


@dataclass(slots=True)
class Partition:
    """The rows of one partition."""

    accounts: dict[str, Account] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=lambda: defaultdict(Domain))
    roles: dict[str, RoleRow] = field(default_factory=lambda: defaultdict(RoleRow))
    references: References = field(default_factory=References)

    def account(self, record: str) -> Account:
        """Give the row of an account; make it where there is none."""
        return self.accounts.setdefault(record, Account(record))


class Accounts:
    """Everything that `account-events` tells."""

    def __init__(self, rules: AccountRules, partitions: int) -> None:
        self.rules = rules
        self.records = Records()
        self.partitions = [Partition() for _ in range(partitions)]
        self.made: dict[Source, list[Made]] = {}
        self.merged: Counter[str] = Counter()
        """Requests for what belonged to merged accounts, as JSON."""
        self.unsure: set[Source] = set()
        """Records of which the specification does not say what they make."""
        self._takes: dict[str, Callable[[Partition, Message], list[Made]]] = {
            "membership": self._membership,
            "opportunity": self._opportunity,
            "telling": self._telling,
            "role": self._role,
            "claim": lambda at, message: at.domains[message["domain"]].claim(message),
            "domain-member": lambda at, message: at.domains[message["domain"]].join(message),
            "company": lambda at, message: at.domains[message["domain"]].know(message),
            "reference": self._reference,
            "touches": self._touches,
            "forgotten": self._forgotten,
        }

    def take(self, p: int, o: int, document: Any) -> None:
        """Fold one record; raise TypeError where it is none of this topic."""
        source, at = (ACCOUNT_EVENTS, p, o), self.partitions[p]
        kind = document.get("kind") if isinstance(document, dict) else None
        if kind in SHAPES:
            _check_shape(document)
            self.made[source] = self._takes[kind](at, document)
        elif kind != "change":
            raise TypeError(kind)
        else:
            folded = self.records.fold(change_of(document))
            self.made[source] = self._change(at, folded, f"{ACCOUNT_EVENTS}/{p}/{o}")
        if self._is_unsure(at, document):
            self.unsure.add(source)

    def _change(self, at: Partition, folded: Folded, once: str) -> list[Made]:
        record = folded.change.record
        roles = at.roles[record].listed() if record in at.roles else []
        made = made_by(Telling(folded, once, len(self.partitions), roles))
        if folded.change.object == "Account" and folded.differences:
            made += self._account(at, folded, once)
        return made

    def _account(self, at: Partition, folded: Folded, once: str) -> list[Made]:
        account = at.account(folded.change.record)
        account.fields, account.deleted = fields(folded.row), folded.row.deleted
        self._ask_merged(account, folded)
        change = line_of(folded.change, folded.differences)
        return account.tell({}, at.references, self._money(at)) + (account.line(change, once) if change else [])

    def _ask_merged(self, account: Account, folded: Folded) -> None:
        before, winner = folded.linked("MasterRecordId", dies=False)
        if winner is None or before is not None:
            return
        contacts = [alias.removeprefix("sf:") for alias in account.members if alias.startswith("sf:")]
        asked = [("Contact", one) for one in contacts] + [("Opportunity", one) for one in account.opportunities]
        for name, record in asked:
            request = {"object": name, "id": record, "since": folded.change.at, "why": "merged"}
            self.merged[canonical(request)] += 1

    def _membership(self, at: Partition, message: Message) -> list[Made]:
        account = at.account(message["account"])
        return account.tell(account.membership(message), at.references, self._money(at))

    def _opportunity(self, at: Partition, message: Message) -> list[Made]:
        account = at.account(message["account"])
        account.opportunity(message)
        return account.tell({}, at.references, self._money(at))

    def _touches(self, at: Partition, message: Message) -> list[Made]:
        if not all(is_touch(one) for one in message.get("touches", ())):
            raise TypeError("touches")
        at.account(message["account"]).brought(message)
        return []

    def _telling(self, at: Partition, message: Message) -> list[Made]:
        account = at.accounts.get(message["account"])
        return account.line(message["change"], message["once"]) if account else []

    def _role(self, at: Partition, message: Message) -> list[Made]:
        record = message["opportunity"]
        if not at.roles[record].take(message):
            return []
        row = self.records.rows.get(record)
        if row is None:
            return []
        self.records.versions[record] += 1
        account = None if row.deleted else id_or_none(row.values().get("AccountId"))
        if account is None:
            return []
        return [opportunity(record, account, self.records.versions[record], fields(row), at.roles[record].listed())]

    def _reference(self, at: Partition, message: Message) -> list[Made]:
        known = message.get("fields", {})
        if not at.references.take(message["object"], message["record"], message["version"], known):
            return []
        way, user = self._money(at), message["record"] if message["object"] == "User" else None
        concerned = [one for one in at.accounts.values() if user is None or one.owner == user]
        return [made for account in concerned for made in account.tell({}, at.references, way)]

    def _forgotten(self, at: Partition, message: Message) -> list[Made]:
        alias, domain = message["alias"], message.get("domain")
        if domain is not None:
            return at.domains[domain].leave(alias)
        record = _record(alias)
        account = self.records.forget(record)
        return [] if account is None else [member(alias, account, self.records.versions[record], joined=False)]

    def _money(self, at: Partition) -> Money:
        return money(at.references, self.rules)

    def _is_unsure(self, at: Partition, document: Message) -> bool:
        named = [document.get(name, "") for name in ("record", "account", "opportunity")]
        named += [_record(document["alias"])] if document["kind"] == "forgotten" else []
        rows = (self.records.rows.get(one) for one in named)
        everybody = document["kind"] == "reference"
        return any(row.unsure for row in rows if row) or (everybody and any(self.is_unsure(one) for one in at.accounts))

    def is_unsure(self, record: str) -> bool:
        """Say whether the specification leaves open what a record is."""
        return record in self.records.rows and self.records.rows[record].unsure


def _record(alias: str) -> str:
    return alias.removeprefix("sf:")


def _check_shape(message: Message) -> None:
    for name, kind in SHAPES[message["kind"]].items():
        if not isinstance(message.get(name), kind):
            raise TypeError(name)
    for role in message.get("roles") or []:
        if not isinstance(role["contact"], str):
            raise TypeError("roles")


def fold(con: duckdb.DuckDBPyConnection, rules: AccountRules, partitions: int, found: Check) -> Accounts:
    """Fold all of `account-events` that was consumed; `found` hears of what is no message."""
    accounts = Accounts(rules, partitions)
    for p, o, key, value in con.execute(CONSUMED).fetchall():
        document = parsed(value)
        try:
            accounts.take(p, o, document)
            if document["kind"] == "change" and key != document["record"]:
                found.differs(f"{ACCOUNT_EVENTS}/{p}/{o}", key, "is not keyed by its record")
        except (TypeError, AttributeError, KeyError):
            found.differs(f"{ACCOUNT_EVENTS}/{p}/{o}", key, "is no message of this topic")
    return accounts
